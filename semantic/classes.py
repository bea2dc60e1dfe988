"""The eleven street classes shared by every data set of streets, network and prompt, and the ten of CIFAR-10.

Ids and colours are CamVid's eleven-class grouping (Brostow et al. 2009; Badrinarayanan et al. 2017).
"""

from typing import NamedTuple


class StreetClass(NamedTuple):
    """Describes one class."""

    name: str
    """Canonical name."""
    colour: tuple[int, int, int]
    """Display colour (R, G, B), 8 bits each."""


CLASSES: tuple[StreetClass, ...] = (
    StreetClass("sky", (128, 128, 128)),
    StreetClass("building", (128, 0, 0)),
    StreetClass("pole", (192, 192, 128)),
    StreetClass("road", (128, 64, 128)),
    StreetClass("pavement", (60, 40, 222)),
    StreetClass("tree", (128, 128, 0)),
    StreetClass("sign", (192, 128, 128)),
    StreetClass("fence", (64, 64, 128)),
    StreetClass("car", (64, 0, 128)),
    StreetClass("pedestrian", (64, 64, 0)),
    StreetClass("bicyclist", (0, 128, 192)),
)
"""Classes in the order of their ids, 0…10."""
NUM_CLASSES = len(CLASSES)
"""Number of classes, eleven."""
NAMES: tuple[str, ...] = tuple(c.name for c in CLASSES)
"""Names of the classes by id."""
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""Classes of CIFAR-10 in the order of their ids."""
SIGN = NAMES.index("sign")
"""Id of traffic signs and lights."""
IGNORE = 255
"""Label of pixels that count neither for nor against a prediction (CamVid's id 11 is mapped to it)."""
NO_ANSWER = 254
"""Prediction of a link that could not answer (outage).

It never equals a label, so that every labelled pixel is a miss.
"""
