"""Images with label maps: the project's own street scenes and loaders for public data sets."""

from taskwave.semantic.data.base import DEFAULT_SIZE, ImageSet, Sample
from taskwave.semantic.data.sources import SOURCES, open_images

__all__ = ["DEFAULT_SIZE", "SOURCES", "ImageSet", "Sample", "open_images"]
