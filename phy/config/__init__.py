"""The `[radio]` table of a scenario as checked data.

Files in order of knowledge: table (what all tables refuse), channel (tables `drop`, `recorded`, `link_budget`,
`precoding`), hardware (tables `impairments`, `flowgraph`), radio (the whole table). Knows the definitions and the
grid's constants; it must not know how anything is computed, and imports neither PyTorch, Sionna nor GNU Radio, so that
a command line starts fast.
"""
