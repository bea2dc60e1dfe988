"""Channel models, their realisations, and the air between two ends that all links of a point share."""
