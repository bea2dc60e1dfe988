"""The points of a sweep: evaluated one by one, kept as they finish, joined into records.

Files in order of knowledge: `records` (their columns, and how they are read), `store` (the folder of finished points),
`grids` (which scenarios a folder holds, and which may join them), `points` (the grid and its images), `judge` (a task
network of the user), `code` (digests of the code that results depend on), `profiling` (times of the stages of links),
`evaluation` (a point as a pure function), `carrying` (links that no budget carries), `provenance` (what made the
results), `assembly` (records from points), `executors` (points in one process or several), `runner` (all points, with
those on disk left out), `progress` (what a terminal shows meanwhile). A sweep of another kind is
another iterator beside `points.sweep_points`.
"""
