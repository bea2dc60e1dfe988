"""The points of a sweep: evaluated one by one, kept as they finish, joined into records.

Files in order of knowledge: `records` (their columns, and the folder of finished points), `profiling` (times of the
stages of links), `evaluation` (a point as a pure function), `runner` (all points, with those on disk left out),
`progress` (what a terminal shows meanwhile). A sweep of another kind is another iterator beside
`evaluation.sweep_points`.
"""
