"""The judges: networks that answer the questions of tasks on whatever image a link delivers.

They are trained on clean pictures with ordinary augmentation, see no output of a link, and are no part of one. The
files in order of knowledge: `base.py` (what a judge is), `detector.py` (objects),
`reader.py` (what a part of an image shows), then one file for each judge: `segmentation.py`, `objects.py`, `ocr.py`
(texts, by a network from outside), `onnx.py` (a network of the user, with its description in `onnx_description.py` and
what it gives in `onnx_outputs.py`); at last `panel.py`, which chooses the judge of a task.
"""
