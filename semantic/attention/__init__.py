"""Where a prompt points: `prompt.py` scores the tokens of a scene, `locator.py` those of an image.

The first needs latents and class shares, the second has a backbone of its own and needs neither.
"""
