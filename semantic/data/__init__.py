"""Image sets with label maps: street scenes that the project draws itself, and loaders of public photographs.

The files in order of knowledge are `base.py` (sample, split, size), `files.py` (reading images and label maps),
`photographs.py` (image sets in files), `streets/` (drawn street scenes), `sources.py` (image sets by name) and
`download.py` (CamVid from its home). To add an image set, write a class as `base.ImageSet` describes it, in
`photographs.py` or in a file of its own, and give it a name in `sources.py`.
"""

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Sample
from taskwave.semantic.data.sources import SOURCES, open_images
from taskwave.semantic.data.streets import StreetScenes

__all__ = ["DEFAULT_SIZE", "SOURCES", "ImageSet", "Sample", "StreetScenes", "open_images"]
