"""Generator of street scenes with exact label maps and objects, drawn by the project and free of the data of others.

The files in order of knowledge are `canvas.py` (camera and drawing), `noise.py` (texture), `plan.py` (what lines the
street), `weather.py` and `lighting.py` (rain, time of day and sensor), `sky.py`, `ground.py`, `buildings.py`,
`vegetation.py`, `people.py`, `furniture.py`, `bodies.py` and `vehicles.py` (what is painted), `lettering.py`, `pen.py`,
`faces.py` and `signposts.py` (how signs look), `signing.py` and `layout.py` (what stands where), `sight.py` (what is
seen of it, and so annotated) and `scenes.py` (the image set). To add a kind of item, write a class with `z` and `paint`
as `layout.Item` describes it, and let `layout.py` place it; it is annotated if it draws with a code of `Canvas.add`.

Classes of the objects are the 43 of `taskwave.semantic.signs`, traffic_light_red, traffic_light_yellow and
traffic_light_green, car, van, bus, truck, number_plate, pedestrian, bicyclist and shop_sign. Vehicles have colours, but
these are not annotated. Texts are the numbers of speed limits, plates and the names on the boards of shops.
"""

from taskwave.semantic.data.streets.scenes import StreetScenes

__all__ = ["StreetScenes"]
