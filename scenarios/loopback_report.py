"""Table and figure of `loopback`."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from rich.table import Table

from taskwave.scenarios.loopback import ORDERS
from taskwave.scenarios.report import make_table
from taskwave.scenarios.style import dress

_LOOPED = {"color": "#D55E00", "marker": "o", "linewidth": 1.8, "markersize": 4.5}
_SIMULATED = {"color": "#555555", "linestyle": (0, (5, 1.6)), "marker": "x", "linewidth": 1.2, "markersize": 5}
_COLOURS = ("#0072B2", "#D55E00", "#009E73")
ALLOWED_DB = 0.5


def table(curves: pd.DataFrame) -> Table:
    """Symbol errors, loss and detection, a row for each SNR."""
    rows = [
        [
            f"{row['es_n0_db']:g} dB",
            *(f"{row[key]:.2f}" for key in ("simulated_error_db", "error_db")),
            f"{row['loss_db']:+.2f}",
            f"{row['detected']:.4f}",
            *(f"{row[f'{kind}ber {name}']:.2e}" for name in ORDERS.values() for kind in ("simulated ", "")),
        ]
        for row in curves.to_dict("records")
    ]
    rates = [f"{name}{kind}" for name in ORDERS.values() for kind in (" sim.", "")]
    return make_table(
        "Error of symbols (dB), loss (dB of Es/N0), bursts found, uncoded bit error rates: simulation and GNU Radio",
        ["Es/N0", "error sim.", "error", "loss", "found", *rates],
        rows,
    )


def speed(stages: pd.DataFrame, num_symbols: int) -> Table:
    """Time of a burst, stage by stage."""
    rows = [[row.stage, f"{row.ms:.2f}", f"{row.msps:.1f}"] for row in stages.itertuples()]
    return make_table(f"Time of a burst of {num_symbols:,} symbols", ["stage", "ms", "MS/s"], rows)


def figure(curves: pd.DataFrame, title: str) -> Figure:
    """Symbol error, bit error rates, and loss with detection, over Es/N0."""
    picture = Figure(figsize=(11, 3.9), layout="constrained")
    FigureCanvasAgg(picture)
    symbols, bits, loss = picture.subplots(1, 3)
    x = curves["es_n0_db"]
    symbols.plot(x, curves["simulated_error_db"], label="simulation, ideal synchronisation", **_SIMULATED)
    symbols.plot(x, curves["error_db"], label="GNU Radio, synchronised", **_LOOPED)
    _label(symbols, "error of estimated symbols (dB)")
    symbols.legend(frameon=False, fontsize=8)
    for name, colour in zip(ORDERS.values(), _COLOURS, strict=True):
        bits.semilogy(x, curves[f"simulated ber {name}"].where(lambda v: v > 0), **{**_SIMULATED, "color": colour})
        bits.semilogy(x, curves[f"ber {name}"].where(lambda v: v > 0), label=name, **{**_LOOPED, "color": colour})
    _label(bits, "uncoded bit error rate (dashed: simulation)")
    bits.legend(frameon=False, fontsize=8)
    loss.axhspan(-ALLOWED_DB, ALLOWED_DB, color="#EEEEEE", label=f"±{ALLOWED_DB:g} dB")
    loss.plot(x, curves["loss_db"], label="loss", **_LOOPED)
    _label(loss, "loss (dB of $E_s/N_0$)")
    shown = curves["loss_db"].replace(float("inf"), float("nan"))
    loss.set_ylim(min(-1.0, shown.min() - 0.2), max(1.5, shown.max() + 0.2))
    found = loss.twinx()
    found.plot(x, 100 * curves["detected"], color="#0072B2", marker="s", markersize=4, label="bursts found")
    found.set_ylabel("bursts found (%)", fontsize=9, color="#0072B2")
    found.set_ylim(min(85.0, 100 * curves["detected"].min() - 2), 100.5)
    found.tick_params(labelsize=8, colors="#0072B2")
    found.spines["top"].set_visible(False)
    handles = [h for axis in (loss, found) for h in axis.get_legend_handles_labels()[0]]
    loss.legend(handles=handles, frameon=False, fontsize=8, loc="center right")
    picture.suptitle(title, fontsize=9, color="#555555")
    return picture


def _label(axis: Axes, label: str) -> None:
    axis.set_xlabel("$E_s/N_0$ (dB)", fontsize=9)
    axis.set_ylabel(label, fontsize=9)
    dress(axis, "black")
    axis.xaxis.set_major_locator(MultipleLocator(5))
