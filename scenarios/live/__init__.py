"""The semantic link live through a running GNU Radio flowgraph."""
