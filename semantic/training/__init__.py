"""The training of every network of the project, resumable, on CPU or GPU. `docs/training.md` describes its use.

In order of knowledge: `record` (what made the results in a folder) and `plan` (how long a training takes), which load
no torch; `monitor` (progress and signals), `batches` (images in memory, cropped at random), `fit` (the training loop),
`damage` (random damage of images); then a file for each network: `text`, `locator` with `edges` (boxes), `segmentation`
(surrogates of maps), `windows` with `window_pool` (random windows), `perceptual` (how alike they look) and `worth`,
`posterior`; `judges` trains the judges.
"""
