"""The waveform through GNU Radio, which runs under its own Python interpreter in processes of its own.

In order of knowledge: `faults` (one line in place of a traceback), `interpreter` (finds GNU Radio), `wire` (messages
between processes), `sigmf` and `recorder` (recordings, read and written), `client` and `exchange` (the simulator's
ends: a worker process, or flowgraphs that join), `medium` (both as media), `launch` (starts flowgraphs and tools).
Under GNU Radio's interpreter run `graph`, `worker` (the worker process), `blocks`, `synchroniser`, `radios` and
`image_view` (blocks, described in `grc`, used in `examples`); they import only each other, `faults`, `wire`, `sigmf`,
`recorder`, `interpreter` and `taskwave.phy.files`.
"""
