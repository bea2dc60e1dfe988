"""Channel models, their realisations, and the air between two ends that all links of a point share.

Files in order of knowledge: fading (realisations), impulse_responses (files of stored channels), link_budget (path
loss), link_level (AWGN, Rayleigh, TDL, CDL), drops (UMi, UMa, RMa), recorded, ray_tracing, model (the entry to all
models), air (channel and noise of a transmission), medium (from the grid that is sent to the grid that arrives). Knows
configuration, allocations and seeds; it must not know codes, pilots, receivers or what the symbols mean.
"""
