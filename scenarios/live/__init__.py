"""The semantic link live through a running GNU Radio flowgraph.

Files in order of knowledge: `images` (a folder or a camera), `session` (both ends of a link, image by image),
`command` (the loop of `taskwave radio` with its flowgraph and keyboard).
"""
