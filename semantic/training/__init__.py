"""The training of every network of the project, resumable, on CPU or GPU. `docs/training.md` describes its use.

In order of knowledge: `recipe` (the files of `recipes/`), `record` (what made the results in a folder) and `plan` (what
is to do, and how long it takes), which load no torch; `monitor` (progress and signals), `batches` (images in memory,
cropped at random), `images` (their cache), `fit` (the training loop), `networks` (their sizes), `reception` (random
receptions), `damage` (random damage of images); then one file for each network: `codec`, `segmentation`, `analog`,
`prior`, `joint` (analog code and prior together), `attention` and `text`; at last `stages`, which trains a set of
weights from its recipe. To add a stage, enter it in `recipe.NEEDS`, `plan.COST` and `stages.Workshop`.
"""
