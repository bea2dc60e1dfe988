"""Images to latents, latents to complex symbols, and the detail that can be sent of chosen cells."""
