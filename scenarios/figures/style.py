"""The style of a curve, from the declared kind of its link, never from its name. Colours of Okabe & Ito (2008)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, get_args

import pandas as pd

from taskwave.phy.config.radio import Channel
from taskwave.phy.drawing import COLOURS

KIND_NAMES = {
    "semantic": "semantic",
    "bitwise": "image codec + LDPC + QAM",
    "bound": "bound",
    "answer": "transmitter owns the task network",
    "floor": "nothing sent",
}
"""Kinds of links and their names, in the order of the legend."""

_COLOURS = {
    "semantic": ("#D55E00", "#E69F00", "#CC79A7", "#8C3B00"),
    "bitwise": ("#0072B2", "#009E73", "#56B4E9", "#004D78", "#7A5AA6", "#5E8C31"),
    "bound": ("#6E6E6E", "#9C9C9C", "#4A4A4A", "#BDBDBD"),
    "answer": ("#000000", "#7A7A7A", "#4D4D4D"),
    "floor": ("#B0B0B0",),
}
Dashes = tuple[float, tuple[float, ...]] | None
"""Dashes of a line as matplotlib takes them, (offset, on-off lengths in points); None is a solid line."""

_LINES: dict[str, Dashes] = {
    "semantic": None,
    "bitwise": (0, (5, 1.6)),
    "bound": (0, (1, 1.4)),
    "answer": (0, (6, 1.5, 1, 1.5)),
    "floor": (0, (1, 3)),
}
_MARKERS = {"semantic": "oDpP", "bitwise": "sv^<>8", "bound": "x+*.", "answer": "XdH", "floor": "|"}
_OTHER_MARKERS = "osD^vP"
"""Markers of kinds that this file does not know, and of curves that are no links."""

_CHANNELS = {"umi": "UMi", "uma": "UMa", "rma": "RMa"}
"""Channels that are not written in capital letters alone. Sets of stored impulse responses keep their name."""


def channel_label(name: str) -> str:
    """Return the channel of a record as captions write it."""
    channel, _, medium = name.partition("/")
    label = _CHANNELS.get(channel, channel.upper() if channel in get_args(Channel) else channel)
    media = {"": "", "gnuradio": " in GNU Radio", "time-domain": " in the time domain"}
    return label + media.get(medium, f" over {medium}")


@dataclass(frozen=True)
class CurveStyle:
    """Describes the curve of one link in terms of matplotlib."""

    colour: str
    """Colour of line and markers."""
    line: Dashes
    """Dashes of the line."""
    marker: str
    """Marker of a measured point."""
    width: float
    """Width of the line in points."""
    front: int
    """Drawing order; the curve of a higher one is in front."""


def kind_name(kind: str) -> str:
    """Return the name of a kind in legends; a kind that this file does not know is its own name."""
    return KIND_NAMES.get(kind, kind)


def kinds_in_order(kinds: Iterable[str]) -> list[str]:
    """Return the distinct kinds in the order of the legend, unknown ones last."""
    there = list(dict.fromkeys(kinds))
    return [kind for kind in KIND_NAMES if kind in there] + [kind for kind in there if kind not in KIND_NAMES]


def curve_styles(table: pd.DataFrame) -> dict[str, CurveStyle]:
    """Return the style of every link in `table` (columns link, kind), sorted by kind, then as they come."""
    kinds: dict[str, str] = dict(table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    styles = {}
    for kind in kinds_in_order(kinds.values()):
        members = [link for link, its_kind in kinds.items() if its_kind == kind]
        looks = _looks(_COLOURS.get(kind, COLOURS), _MARKERS.get(kind, _OTHER_MARKERS))
        for index, (link, (colour, marker)) in enumerate(zip(members, looks, strict=False)):
            strong = kind == "semantic" and index == 0
            styles[link] = CurveStyle(colour, _LINES.get(kind), marker, 2.2 if strong else 1.4, 3 + strong)
    return styles


def value_styles(values: Sequence[Any]) -> dict[Any, CurveStyle]:
    """Return the styles of curves that are no links (tasks, budgets, channels, runs), by their values."""
    looks = _looks(COLOURS, _OTHER_MARKERS)
    return {
        value: CurveStyle(colour, None, marker, 1.6, 3) for value, (colour, marker) in zip(values, looks, strict=False)
    }


def _looks(colours: Sequence[str], markers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield colours with markers for ever; colours come again with other markers, as far as there are any."""
    for turn in count():
        for index, colour in enumerate(colours):
            yield colour, markers[(index + turn) % len(markers)]
