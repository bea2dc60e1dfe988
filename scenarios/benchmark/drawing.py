"""The figure of the benchmark."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from taskwave.scenarios.validation.drawing import COLOURS, GREY, label, panels


def figure(speeds: pd.DataFrame) -> Figure:
    """One panel for each kind of work: how many times as many slots per second as Sionna, with intervals."""
    works = list(speeds["work"].unique())
    rows = max(len(part) for _, part in speeds.groupby("work"))
    drawn, axes = panels(len(works), height=1.4 + 0.22 * rows, width=4.6)
    for axis, work in zip(axes, works, strict=True):
        part = speeds[speeds["work"] == work].iloc[::-1]
        error = [part["ratio"] - part["low"], part["high"] - part["ratio"]]
        axis.barh(part["setting"], part["ratio"], xerr=error, color=COLOURS[0], ecolor=GREY, height=0.7)
        axis.axvline(1, color="black", linewidth=1)
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
        axis.set_ylim(-0.6, len(part) - 0.4)
        label(axis, work, "slots per second over Sionna's", "")
    return drawn
