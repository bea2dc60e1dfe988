"""Accuracies, intervals and gains, computed from records.

Files in order of knowledge: `sharing` (what runs and links have in common), `pooling` (accuracies of cells of records,
with paired bootstrap intervals over groups of images), `envelopes` (curves of all resamples at once), `gain` (semantic
gain of pooled accuracies, with intervals), `headline` (the result in a sentence). They map tables to tables, numbers
and lines of text, and print nothing.
"""
