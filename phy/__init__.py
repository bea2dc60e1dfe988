"""Complex symbols and bits over a simulated radio. Knows no image and no model."""
