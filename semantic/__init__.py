"""Images, latents, prompts, diffusion and tasks. Knows no channel: only symbols and their noise variance."""
