"""The diffusion that says what windows of an image may show, given what arrived of them.

In order of knowledge: `posterior` (the network), `sampling` (how samples are drawn with it).
"""
