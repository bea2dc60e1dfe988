"""The project's own street scenes: drawn, not photographed, with exact labels and no data of others."""

from taskwave.semantic.data.streets.scenes import DEFAULT_COUNTS, StreetScenes

__all__ = ["DEFAULT_COUNTS", "StreetScenes"]
