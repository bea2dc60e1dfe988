"""Legend and caption of the figures of curves."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from taskwave.scenarios.figures.style import CurveStyle, channel_label, kind_name, kinds_in_order

_MAX_COLUMNS = 4
"""Largest number of columns of a legend without kinds."""
_MAX_CHANNELS = 3
"""Largest number of channels that a caption names."""


def write_caption(figure: Figure, table: pd.DataFrame) -> None:
    """Write above the panels the task if there is one only, channels, images, and what the bands mean."""
    labels = list(dict.fromkeys(map(channel_label, table["channel"])))
    channels = ", ".join(labels) if len(labels) <= _MAX_CHANNELS else f"{len(labels)} channels"
    images, groups, fades = (int(table[name].max()) if name in table else 1 for name in ("images", "groups", "fades"))
    counted = f"{images} image{'s' * (images > 1)}" + (f" over {fades} fades each" if fades > 1 else "")
    if table["low"].isna().all():
        bands = "no intervals"
    else:
        bands = "bands: 95 % intervals, bootstrap over " + ("images" if groups == images else f"{groups} groups")
    task = f"{table['task'].iloc[0]}: ".replace("+", " + ") if table["task"].nunique() == 1 else ""
    figure.suptitle(f"{task}{channels}, {counted}; {bands}", fontsize=9, color="#555555")


def draw_legend(figure: Figure, names: dict[str, str], styles: dict[str, CurveStyle], kinds: dict[str, str]) -> None:
    """Draw a legend below the panels, with a column for each kind of link if the lines are links.

    Args:
        figure: figure of the panels.
        names: text of every line, by its value.
        styles: style of every line, by its value.
        kinds: kind of the link of every line, by its value; empty where lines are no links.
    """
    columns = [(kind, [line for line in styles if kinds.get(line) == kind]) for kind in kinds_in_order(kinds.values())]
    heads = [kind_name(kind) for kind, _ in columns]
    handles: list[Line2D] = []
    height = max((len(lines) for _, lines in columns), default=0)
    for kind, lines in columns:
        handles.append(Line2D([], [], linestyle="none", label=kind_name(kind)))
        handles += [_handle(styles[line], names[line]) for line in lines]
        handles += [Line2D([], [], linestyle="none", label=" ")] * (height - len(lines))
    if not columns:
        handles = [_handle(style, names[line]) for line, style in styles.items()]
    legend = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(columns) or min(_MAX_COLUMNS, len(handles)),
        frameon=False,
        fontsize=8,
        markerscale=0.8,
        handlelength=3.2,
        columnspacing=2.5,
    )
    for text, handle in zip(legend.get_texts(), handles, strict=True):
        if text.get_text() in heads and handle.get_linestyle() == "None":
            text.set_fontweight("bold")
            text.set_color("#444444")


def _handle(look: CurveStyle, label: str) -> Line2D:
    """Return the entry of a line."""
    return Line2D([], [], color=look.colour, linestyle=look.line, marker=look.marker, linewidth=look.width, label=label)
