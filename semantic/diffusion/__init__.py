"""The prior, its noise levels for every token, and the reverse process that regenerates latents."""
