"""The recipes of the judges, which load no torch."""

from dataclasses import dataclass, replace

from taskwave.semantic.classes import CIFAR10_CLASSES
from taskwave.semantic.signs import SIGNS


@dataclass(frozen=True)
class Images:
    """Names images that a judge is trained with, of the split train."""

    source: str
    """Image set."""
    size: tuple[int, int] | None = None
    """Height and width of the images in pixels. None: what they have."""
    first: int = 0
    """Index of the first image."""
    count: int | None = None
    """Number of images. None: all from the first one on."""
    only: tuple[str, ...] = ()
    """Classes of the objects that count. None given: all."""


@dataclass(frozen=True)
class JudgeRecipe:
    """Describes how a judge of objects is trained."""

    images: tuple[Images, ...]
    """Images to train with. The split val of the first set is the validation."""
    classes: tuple[str, ...]
    """Classes of the detector. A single one stands for all objects of the images."""
    reads: tuple[str, ...] = ()
    """Classes that a reader tells apart among the traffic signs and traffic lights that the detector finds."""
    gtsrb: bool = False
    """Whether the reader is trained with the patches of GTSRB, else with those of the first image set."""
    steps: int = 5000
    """Number of steps of the detector."""
    batch: int = 8
    """Number of crops per step of the detector."""
    reader_steps: int = 4000
    """Number of steps of the reader."""
    seed: int = 0
    """Seed of data and weights."""


@dataclass(frozen=True)
class SceneRecipe:
    """Describes how a judge that answers on the whole of an image is trained: segmentation or classification."""

    images: tuple[Images, ...]
    """Images to train with. The split val of the first set is the validation."""
    classes: tuple[str, ...] = ()
    """Classes of the images. None given: the street classes of their pixels."""
    steps: int = 2000
    """Number of steps."""
    batch: int = 6
    """Number of crops or images per step."""
    scale: float = 1.0
    """Factor by which a network of pixels enlarges images first, in further steps after those at the size they have."""
    scale_steps: int = 0
    """Number of these."""
    seed: int = 0
    """Seed of data and weights."""


@dataclass(frozen=True)
class MapRecipe:
    """Describes how a surrogate of maps is trained, a small segmentation network."""

    images: Images
    """Images to train with. The split val of the set is the validation."""
    widths: tuple[int, int, int, int] = (24, 64, 128, 192)
    """Channels of the network."""
    steps: int = 1700
    """Number of steps."""
    batch: int = 12
    """Number of crops per step."""


_DRAWN = (320, 448)
"""Height and width of drawn street scenes."""

GTSDB = JudgeRecipe((Images("gtsdb"),), ("traffic sign",), reads=SIGNS, gtsrb=True)
"""Recipe of the judge of photographs with German signs."""

STREETS = JudgeRecipe(
    images=(Images("streets", _DRAWN, 0, 1300),),
    classes=(
        *("traffic sign", "traffic light", "car", "van", "bus", "truck", "pedestrian", "bicyclist"),
        *("shop_sign", "number_plate"),
    ),
    reads=(*SIGNS, "traffic_light_red", "traffic_light_yellow", "traffic_light_green"),
    steps=4500,
    reader_steps=2400,
)
"""Recipe of the judge of drawn street scenes."""

RECIPES: dict[str, JudgeRecipe | SceneRecipe] = {
    "gtsdb": GTSDB,
    "gtsdb-second": replace(
        GTSDB,
        images=(*GTSDB.images, Images("streets", _DRAWN, 0, 500, only=SIGNS)),
        steps=2000,
        reader_steps=2500,
        seed=1,
    ),
    "roadsigns": JudgeRecipe((Images("roadsigns"),), ("speedlimit", "crosswalk", "trafficlight", "stop"), steps=3000),
    "carla": JudgeRecipe(
        (Images("carla"),), ("vehicle", "bike", "motobike", "traffic_light", "traffic_sign"), steps=3000
    ),
    "streets": STREETS,
    "streets-second": replace(
        STREETS, images=(Images("streets", _DRAWN, 1300),), steps=1600, reader_steps=1200, seed=1
    ),
    "streets-maps": SceneRecipe((Images("streets", _DRAWN, 0, 1000),), steps=1000),
    "camvid": SceneRecipe((Images("camvid", (352, 480)),), scale=1.5, scale_steps=1200),
    "camvid-second": SceneRecipe(
        (Images("camvid", (352, 480)), Images("streets", (352, 480), 0, 200)), steps=1000, seed=1
    ),
    "cifar10": SceneRecipe((Images("cifar10"),), classes=CIFAR10_CLASSES, steps=600, batch=64),
}
"""Recipes of the judges by their names; a second judge has another seed and other images."""

SURROGATE = replace(GTSDB, reader_steps=2000, seed=1)
"""Recipe of the surrogate of signs, of which the reader is trained, from another seed than that of the judge."""


def judge_recipe(name: str) -> JudgeRecipe | SceneRecipe:
    """Return the recipe of a judge.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in RECIPES:
        raise ValueError(f"there is no judge {name!r}: choose one of {', '.join(RECIPES)}")
    return RECIPES[name]


MAPS = {
    "streets": MapRecipe(Images("streets", (192, 256), 0, 700), (16, 48, 96, 128), 650),
    "camvid": MapRecipe(Images("camvid", (360, 480)), steps=2000),
}
"""Recipes of the surrogates of maps, by name."""
