"""Image sets with label maps: street scenes that the project draws itself, and loaders of public photographs.

The files in order of knowledge are `base.py` (sample, split, size), `files.py` (reading images and label maps),
`folders.py` (folders of them and lists of names), `photographs.py` (image sets in files), `unlabelled.py` (a folder of
the user's own images), `streets/` (drawn street scenes), `sources.py` (image sets by name) and `download.py` (CamVid,
fetched from its home). To add an image set, write a class as `base.ImageSet` describes it, in `photographs.py` or in a
file of its own, and give it a name in `sources.py`.
"""

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Sample
from taskwave.semantic.data.sources import SOURCES, check_batches, open_images
from taskwave.semantic.data.streets import StreetScenes

__all__ = ["DEFAULT_SIZE", "SOURCES", "ImageSet", "Sample", "StreetScenes", "check_batches", "open_images"]
