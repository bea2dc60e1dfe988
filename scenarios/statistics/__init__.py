"""Accuracies, intervals and gains, computed from records.

Files in order of knowledge: `pooling` (accuracies of groups of records, with paired bootstrap intervals), `gain`
(semantic gain of pooled accuracies). Both map tables to tables and print nothing.
"""
