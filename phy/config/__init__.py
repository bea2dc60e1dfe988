"""The `[radio]` table of a scenario as checked data. Needs neither PyTorch nor Sionna."""
