"""Where a prompt points: `locator` scores the tokens of an image and which boxes things have, `boxes` counts them."""
