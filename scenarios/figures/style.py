"""The style of a curve, from the declared kind of its link, never from its name. Colours of Okabe & Ito (2008)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import get_args

import pandas as pd

from taskwave.phy.config.radio import Channel

KIND_NAMES = {
    "semantic": "semantic",
    "bitwise": "image codec + LDPC + QAM",
    "bound": "image codec + ideal code",
    "answer": "answer sent",
}
"""Kinds of links and their names, in the order of the legend."""

_COLOURS = {
    "semantic": ("#D55E00", "#E69F00", "#CC79A7", "#8C3B00"),
    "bitwise": ("#0072B2", "#009E73", "#56B4E9", "#004D78"),
    "bound": ("#6E6E6E", "#9C9C9C", "#4A4A4A", "#BDBDBD"),
    "answer": ("#000000", "#7A7A7A"),
}
Dashes = tuple[float, tuple[float, ...]] | None
"""Dashes of a line as matplotlib takes them, (offset, on-off lengths in points); None is a solid line."""

_LINES: dict[str, Dashes] = {
    "semantic": None,
    "bitwise": (0, (5, 1.6)),
    "bound": (0, (1, 1.4)),
    "answer": (0, (6, 1.5, 1, 1.5)),
}
_MARKERS = {"semantic": "oDpP", "bitwise": "sv^<", "bound": "x+*.", "answer": "Xd"}


_CHANNELS = {"umi": "UMi", "uma": "UMa", "rma": "RMa"}
"""Channels that are not written in capital letters alone. Sets of stored impulse responses keep their name."""


def channel_label(name: str) -> str:
    """Return the channel of a record as captions write it."""
    channel, _, medium = name.partition("/")
    label = _CHANNELS.get(channel, channel.upper() if channel in get_args(Channel) else channel)
    return label + {"": "", "gnuradio": " in GNU Radio", "time-domain": " in the time domain"}[medium]


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


def curve_styles(table: pd.DataFrame) -> dict[str, CurveStyle]:
    """Return the style of every link in `table` (columns link, kind), sorted by kind, then as they come."""
    kinds: dict[str, str] = dict(table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    styles = {}
    for kind in KIND_NAMES:
        looks: Sequence[tuple[str, str]] = tuple(zip(_COLOURS[kind], _MARKERS[kind], strict=True))
        members = [link for link, its_kind in kinds.items() if its_kind == kind]
        for index, (link, (colour, marker)) in enumerate(zip(members, cycle(looks), strict=False)):
            strong = kind == "semantic" and index == 0
            styles[link] = CurveStyle(colour, _LINES[kind], marker, 2.2 if strong else 1.4, 3 + strong)
    return styles
