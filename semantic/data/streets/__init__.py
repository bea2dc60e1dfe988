"""Generator of street scenes with exact label maps, drawn by the project and free of the data of others.

The files in order of knowledge are `canvas.py` (camera and drawing), `noise.py` (texture), `plan.py` (what lines the
street), `lighting.py` (time of day and sensor), `sky.py`, `ground.py`, `buildings.py`, `vegetation.py`, `people.py`,
`furniture.py` and `vehicles.py` (what is painted), `layout.py` (what stands where) and `scenes.py` (the image set). To
add a kind of item, write a class with `z` and `paint` as `layout.Item` describes it, and let `layout.py` place it.
"""

from taskwave.semantic.data.streets.scenes import StreetScenes

__all__ = ["StreetScenes"]
