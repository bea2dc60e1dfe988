"""The codes between images and complex symbols.

In order of knowledge: `windows` (parts of an image to complex symbols, for a prompt, and back), `placement` (where such
parts lie), `quantiser` (the same parts as bytes).
"""
