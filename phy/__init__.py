"""The physical layer: complex symbols and bits over a simulated or real radio.

Rooms and files in order of knowledge, low to high; each may import only what stands before it: files | definitions,
seeds, recent, drawing | grid | config | coding | channel | waveform | receiver, gnuradio | radio | precoding | theory |
links | validation, benchmark. None of them may know an image, a semantic model or a task: callers hand over symbols or
bits, and get back estimates with their noise variance.
"""
