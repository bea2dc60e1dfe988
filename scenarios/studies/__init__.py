"""Studies: what commands measure besides running a scenario.

One file each, none of which knows another, with measuring, terminal table and figure: `rates` (bytes that a budget
carries), `papr` (peaks and distortion of messages), `loopback` (the waveform through GNU Radio against its
simulation), `neural_receiver` (training of the channel estimator and its comparison), `headroom` (judges on smaller
images), `regions` (does the locator find it), `samples` (answers on samples of the diffusion), `lost_prompts`. To add a
study, write such a file, and a command in `cli` that prints, writes and draws it.
"""
