"""The codes between images and complex symbols.

In order of knowledge: `latents` (images to latent tokens and back), `analog` (scenes to complex symbols in layers and
back), `windows` (parts of an image to complex symbols, for a prompt), `placement` (where such parts lie), `detail`
(formats in which more of chosen cells is sent, and what an end holds of an image).
"""
