"""Images with label maps: the project's own street scenes and loaders for public data sets."""

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Sample
from taskwave.semantic.data.sources import SOURCES, open_images
from taskwave.semantic.data.streets import StreetScenes

__all__ = ["DEFAULT_SIZE", "SOURCES", "ImageSet", "Sample", "StreetScenes", "open_images"]
