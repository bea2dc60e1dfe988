"""Study of the bytes that a budget carries over a radio: bounds of information theory, and coded QAM."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from rich.table import Table

from taskwave.links.bounds import Code, limit
from taskwave.links.transport.rate import CodedTransport
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.drawing import dress, make_table
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio

BLOCK_ERROR_RATE = 0.1
"""Largest share of blocks that may be lost."""
_LOOKS = {
    "capacity": ("capacity: each channel known at both ends", "#333333", "-"),
    "outage": ("outage: infinite block, mean SNR known", "#D55E00", "--"),
    "finite": ("finite block: as long as the message (normal approximation)", "#0072B2", ":"),
    "nr": ("NR MCS: LDPC and QAM (predicted)", "#009E73", "-."),
}
"""Columns of bytes, with name, colour and line of their curves."""


def measure_rates(conditions: Sequence[tuple[Radio, float]], budgets: Sequence[int]) -> pd.DataFrame:
    """Return a row for each budget and condition: budget, es_n0_db and the columns of `_LOOKS`, in bytes.

    Capacity is the mean over channels; the others are the largest payloads lost at most one time in ten, zero if there
    is none. Budgets too small for a symbol are left out.

    Args:
        conditions: radios, each with its Es/N0 [dB].
        budgets: channel uses of a message.
    """
    transports = {radio: CodedTransport(radio) for radio, _ in conditions}
    fadings = {radio: radio.draw(1, 1, 0) for radio in transports}
    rows = []
    for budget in sorted(budgets):
        for radio, es_n0_db in sorted(conditions, key=lambda condition: condition[1]):
            n = SymbolLink(radio).capacity(budget)
            if n == 0:
                continue
            capacity = limit(radio, "outage").mean_capacity(n, es_n0_db) / 8
            row = {"budget": budget, "es_n0_db": es_n0_db, "capacity": capacity}
            codes: tuple[Code, ...] = ("outage", "finite")
            for code in codes:
                row[code] = _largest(radio, code, n, es_n0_db, 2 * capacity)
            air = AirInterface(radio.config, fadings[radio], es_n0_db, 0)
            options = transports[radio].options(budget, air)
            good = [option.payload_bytes for option in options if option.success >= 1 - BLOCK_ERROR_RATE]
            rows.append({**row, "nr": max(good, default=0)})
    return pd.DataFrame(rows, columns=["budget", "es_n0_db", *_LOOKS])


def _largest(radio: Radio, code: Code, num_symbols: int, es_n0_db: float, most: float) -> float:
    """Return the bytes of the largest payload up to `most` that arrives nine times in ten, by bisection."""
    low, high = 0.0, most
    while high - low > max(1e-3 * high, 0.05):
        middle = (low + high) / 2
        chance = float(limit(radio, code).success(torch.tensor([middle]), num_symbols, es_n0_db))
        low, high = (middle, high) if chance >= 1 - BLOCK_ERROR_RATE else (low, middle)
    return low


def rate_table(values: pd.DataFrame) -> Table:
    """Return the bytes of `measure_rates` as a table for the terminal."""
    rows = [
        [f"{row.budget:,}", f"{row.es_n0_db:g} dB", *(f"{getattr(row, column):,.0f}" for column in _LOOKS)]
        for row in values.itertuples()
    ]
    title = "Bytes that arrive: mean of capacity, else all but 10 % of the blocks"
    return make_table(title, ["channel uses", "Es/N0", "capacity", "outage", "finite block", "NR MCS"], rows)


def rate_figure(values: pd.DataFrame, channel: str) -> Figure:
    """Draw bytes over Es/N0, a panel for each budget, all on one logarithmic axis of bytes."""
    budgets = list(values["budget"].unique())
    figure = Figure(figsize=(2.75 * len(budgets) + 0.5, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels: list[Axes] = figure.subplots(1, len(budgets), sharex=True, sharey=True, squeeze=False)[0].tolist()
    for axis, budget in zip(panels, budgets, strict=True):
        part = values[values["budget"] == budget]
        for column, (name, colour, line) in _LOOKS.items():
            payload = part[column].where(part[column] >= 1, np.nan)
            axis.plot(part["es_n0_db"], payload, line, color=colour, label=name, marker=".", linewidth=1.6)
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:,.0f}"))
        axis.xaxis.set_major_locator(MultipleLocator(5))
        axis.set_title(f"{budget:,} channel uses", fontsize=10, fontweight="bold")
        axis.set_xlabel("$E_s/N_0$ (dB)")
        dress(axis)
    panels[0].set_ylabel("bytes that arrive")
    figure.suptitle(f"{channel}; mean of capacity, else 10 % of blocks lost", fontsize=9, color="#555555")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8, handlelength=3.2)
    return figure
