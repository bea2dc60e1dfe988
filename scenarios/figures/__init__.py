"""Figures and terminal tables of the results of sweeps.

Files in order of knowledge: `style` (look of a curve, from the declared kind of its link), `layout` (what is a line,
column and row of panels; metrics), `legends` (legend and caption), `curves` (a metric over SNR, distance, bandwidth),
`tables` (tables for the terminal), `strip` (what two links make of the same images) and `strip_file` (the strip that a
run keeps). To add a figure, write a function that maps pooled records to a matplotlib figure, and draw it in
`cli.reports`. To draw another column of the records, add it to `layout.METRICS`.
"""
