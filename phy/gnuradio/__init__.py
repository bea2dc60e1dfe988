"""The waveform through GNU Radio, which runs under its own Python interpreter in a process of its own."""
