"""Image sets with annotations: street scenes that the project draws itself, and loaders of public photographs.

The files in order of knowledge are `objects.py` (boxes), `base.py` (sample, split, size), `files.py` (reading images
and label maps), `folders.py` (folders of them and lists of names), `photographs.py` (image sets with label maps),
`annotated.py` (image sets with boxes), `categories.py` (image sets with one class for each image), `unlabelled.py` (a
folder of images only), `patches.py` (traffic signs), `streets/` (drawn street scenes), `sources.py` (image sets by
name) and `download.py` (CamVid, fetched from its home).
To add an image set, write a class as `base.ImageSet` describes it, in a file of its own or beside its like, and give it
a name in `sources.py`.
"""

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Sample
from taskwave.semantic.data.sources import ANNOTATED, SOURCES, check_batches, open_images
from taskwave.semantic.data.streets import StreetScenes

__all__ = ["ANNOTATED", "DEFAULT_SIZE", "SOURCES", "ImageSet", "Sample", "StreetScenes", "check_batches", "open_images"]
