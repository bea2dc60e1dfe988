"""The diffusion that regenerates latents from what was received of them.

In order of knowledge: `scheduler` (noise levels of tokens and the steps of the reverse process), `prior` (the denoising
network and the pipeline that runs it).
"""
