"""The waveform through GNU Radio, which runs under its own Python interpreter in processes of its own.

In order of knowledge: `interpreter` (finds GNU Radio), `wire` (messages between processes), `client` and `exchange`
(the simulator's ends: a worker process, or flowgraphs that join), `medium` (both as media), `launch` (starts flowgraphs
and tools). Under GNU Radio's interpreter run `graph`, `worker` (the worker process), `blocks`, `synchroniser`, `radios`
and `image_view` (blocks, described in `grc`, used in `examples`); they import only each other, `wire`, `interpreter`.
"""
