"""The recipes of the judges, which load no torch."""

from dataclasses import dataclass, replace

from taskwave.semantic.classes import CIFAR10_CLASSES
from taskwave.semantic.signs import SIGNS


@dataclass(frozen=True)
class JudgeRecipe:
    """Describes how a judge is trained."""

    source: str
    """Image set, whose splits train and val are used."""
    classes: tuple[str, ...]
    """Classes of the detector. A single one stands for all objects of the set."""
    reads: tuple[str, ...] = ()
    """Classes that a reader tells apart among the traffic signs and traffic lights that the detector finds."""
    steps: int = 5000
    """Number of steps of the detector."""
    batch: int = 8
    """Number of crops per step of the detector."""
    reader_steps: int = 4000
    """Number of steps of the reader."""
    size: tuple[int, int] | None = None
    """Height and width of the images in pixels. None: what they have."""
    drawn: int = 0
    """Number of drawn images that networks are trained with. 0: all photographs, and for the reader GTSRB, too."""


@dataclass(frozen=True)
class SceneRecipe:
    """Describes how a judge that answers on the whole of an image is trained: segmentation or classification."""

    source: str
    """Image set, whose splits train and val are used."""
    size: tuple[int, int] | None = None
    """Height and width of the images in pixels. None: what they have."""
    classes: tuple[str, ...] = ()
    """Classes of the images. None given: the street classes of their pixels."""
    steps: int = 2000
    """Number of steps."""
    batch: int = 6
    """Number of crops or images per step."""


GTSDB = JudgeRecipe("gtsdb", ("traffic sign",), reads=SIGNS)
"""Recipe of the judge of photographs with German signs."""

STREETS = JudgeRecipe(
    source="streets",
    classes=(
        *("traffic sign", "traffic light", "car", "van", "bus", "truck", "pedestrian", "bicyclist"),
        *("shop_sign", "number_plate"),
    ),
    reads=(*SIGNS, "traffic_light_red", "traffic_light_yellow", "traffic_light_green"),
    steps=1600,
    reader_steps=1600,
    size=(320, 448),
    drawn=1000,
)
"""Recipe of the judge of drawn street scenes."""

RECIPES: dict[str, JudgeRecipe | SceneRecipe] = {
    "gtsdb": GTSDB,
    "roadsigns": JudgeRecipe("roadsigns", ("speedlimit", "crosswalk", "trafficlight", "stop"), steps=3000),
    "carla": JudgeRecipe("carla", ("vehicle", "bike", "motobike", "traffic_light", "traffic_sign"), steps=3000),
    "streets": STREETS,
    "camvid": SceneRecipe("camvid", size=(352, 480)),
    "cifar10": SceneRecipe("cifar10", classes=CIFAR10_CLASSES, steps=600, batch=64),
}
"""Recipes of the judges by their names."""

SURROGATE = replace(GTSDB, reader_steps=2000)
"""Recipe of the surrogate of signs, of which the reader is trained, from another seed than that of the judge."""


def judge_recipe(name: str) -> JudgeRecipe | SceneRecipe:
    """Return the recipe of a judge.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no judge {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]
