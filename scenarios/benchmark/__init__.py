"""Speed of the radio, stage by stage and end to end, beside the same work done by Sionna's own blocks."""
