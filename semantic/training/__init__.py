"""The training of every network of the project, resumable, on CPU or GPU.

In order of knowledge: `batches` (images in memory, cropped at random), `fit` (the training loop), `recipe` (the files
of `recipes/`), `reception` (random receptions), `damage` (random damage of images); then one file for each network:
`codec`, `segmentation`, `analog`, `prior`, `joint` (analog code and prior together), `attention` and `text`; at last
`stages`, which trains a set of weights from its recipe.
"""
