"""Figures and terminal tables of the results of sweeps.

Files in order of knowledge: `style` (look of a curve, from the declared kind of its link), `curves` (accuracy over
SNR, distance, bandwidth), `tables` (tables for the terminal), `strip` (what two links make of the same images). To add
a figure, write a function in `curves` that maps pooled records to a matplotlib figure, and draw it in
`cli.sweeps`.
"""
