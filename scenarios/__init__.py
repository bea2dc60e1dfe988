"""Scenarios drive links over grids of SNR, bandwidth, channel and task; they store, compare, draw and report.

Rooms in order of knowledge: `config` (scenario files; those that come with the package lie in `library`), `sweep`
(points, runs, records), `statistics` (accuracies, intervals, gains), `figures` (curves, tables, strips), `studies` and
`live` (other measurements; the link through a running flowgraph), `cli` (the command line). Each room imports only
rooms before it.
"""
