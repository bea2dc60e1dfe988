"""The loop of the project: a general part, the receiver's prompt, windows that answer it, and a picture fused of all.

In order of knowledge: `header` (what is said of the windows of a message), `plan` (which windows, and how many symbols
of each), `message` (from the image to the receiver's picture), `link`.
"""
