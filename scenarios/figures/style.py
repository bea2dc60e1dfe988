"""How a curve looks: from its link's declared kind, never from its name. Colours of Okabe & Ito (2008)."""

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
"""Kinds in the order of the legend."""

_COLOURS = {
    "semantic": ("#D55E00", "#E69F00", "#CC79A7", "#8C3B00"),
    "bitwise": ("#0072B2", "#009E73", "#56B4E9", "#004D78"),
    "bound": ("#6E6E6E", "#9C9C9C", "#4A4A4A", "#BDBDBD"),
    "answer": ("#000000", "#7A7A7A"),
}
Dashes = tuple[float, tuple[float, ...]] | None
"""matplotlib's (offset, on-off lengths in points); None is a solid line."""

_LINES: dict[str, Dashes] = {
    "semantic": None,
    "bitwise": (0, (5, 1.6)),
    "bound": (0, (1, 1.4)),
    "answer": (0, (6, 1.5, 1, 1.5)),
}
_MARKERS = {"semantic": "oDpP", "bitwise": "sv^<", "bound": "x+*.", "answer": "Xd"}


_CHANNELS = {"umi": "UMi", "uma": "UMa", "rma": "RMa"}
"""Written otherwise than in capital letters. Sets of stored impulse responses keep their name."""


def channel_label(name: str) -> str:
    """A record's channel as a caption says it."""
    channel, _, medium = name.partition("/")
    label = _CHANNELS.get(channel, channel.upper() if channel in get_args(Channel) else channel)
    return label + {"": "", "gnuradio": " in GNU Radio", "time-domain": " in the time domain"}[medium]


@dataclass(frozen=True)
class CurveStyle:
    """Colour, line and marker of one link, in matplotlib's terms."""

    colour: str
    line: Dashes
    marker: str
    width: float
    front: int
    """Drawing order: higher is in front."""


def curve_styles(table: pd.DataFrame) -> dict[str, CurveStyle]:
    """Style of every link in `table` (columns link, kind), in the order of a legend: by kind, then as they come."""
    kinds: dict[str, str] = dict(table[["link", "kind"]].drop_duplicates().itertuples(index=False, name=None))
    styles = {}
    for kind in KIND_NAMES:
        looks: Sequence[tuple[str, str]] = tuple(zip(_COLOURS[kind], _MARKERS[kind], strict=True))
        members = [link for link, its_kind in kinds.items() if its_kind == kind]
        for place, (link, (colour, marker)) in enumerate(zip(members, cycle(looks), strict=False)):
            strong = kind == "semantic" and place == 0
            styles[link] = CurveStyle(colour, _LINES[kind], marker, 2.2 if strong else 1.4, 3 + strong)
    return styles
