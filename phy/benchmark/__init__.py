"""The benchmark of the radio: its speed beside Sionna's own blocks on the same work, run by `taskwave benchmark`.

`ours.py` (TaskWave) and `reference.py` (Sionna) implement the `Chain` of `chain.py`, `timing.py` compares two pieces of
work, `growth.py` measures sweeps in processes of their own, `suite.py` plans and measures, `command.py` prints and
draws.
To add a setting, append a `Setting` to the plan in `suite.full`. To time another stage, enter its name in
`chain.STAGES` and return it from `stages` of both chains.
"""
