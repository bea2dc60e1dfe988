"""The semantic link live through a running GNU Radio flowgraph.

Files in order of knowledge: `requirements` (what must be installed, checked before PyTorch is loaded), `images` (a
folder or a camera), `terminal` (keyboard and lines), `states` (what the user is told once), `session` (both ends of a
link, image by image), `recording` (what the receivers heard, written and played), `command` (the loop of `taskwave
radio` with its flowgraph and keyboard, and `taskwave replay`).
"""
