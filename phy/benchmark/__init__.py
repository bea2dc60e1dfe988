"""The speed of the radio beside Sionna's own blocks on the same work: `taskwave benchmark`."""
