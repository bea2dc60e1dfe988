"""Study of the waveform through GNU Radio against the same radio in pure simulation."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from rich.table import Table

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.drawing import dress, make_table
from taskwave.phy.gnuradio.medium import FlowgraphMedium
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator

ORDERS = {2: "QPSK", 4: "16-QAM", 6: "64-QAM"}
"""Modulation orders (bits of a symbol) and their names."""
BATCH = 25
"""Number of bursts at a time, which decides the memory needed and how often progress is shown."""
ALLOWED_DB = 0.5
"""Loss that the figure marks as allowed [dB]."""
_LEAST_SECONDS = 5.0
"""Least duration of a measurement of speed [s]."""
_STEP_DB = 0.5
"""Step of the SNRs at which the simulation is measured to find the loss [dB]."""
_BEHIND_DB, _AHEAD_DB = 6.0, 1.0
"""Largest loss and largest gain that can be measured [dB]."""
_LOOPED = {"color": "#D55E00", "marker": "o", "linewidth": 1.8, "markersize": 4.5}
_SIMULATED = {"color": "#555555", "linestyle": (0, (5, 1.6)), "marker": "x", "linewidth": 1.2, "markersize": 5}
_COLOURS = ("#0072B2", "#D55E00", "#009E73")


@dataclass(frozen=True)
class BurstScores:
    """Holds the scores of many bursts at one SNR."""

    error: float
    """Mean squared error of the best linear estimate of the symbols, whose energy is one."""
    bit_error_rate: dict[int, float]
    """Uncoded bit error rate by modulation order."""
    detected: float
    """Share of the bursts that were found."""
    bursts: int
    """Number of bursts of each modulation order."""


def radio_pair(config: RadioConfig) -> tuple[Radio, Radio]:
    """Return the radio of `config` through GNU Radio, and the one in pure simulation at the same cost.

    Raises:
        ValueError: `config` has no flowgraph.
    """
    if config.flowgraph is None:
        raise ValueError(
            "this scenario has no [radio.flowgraph], so there is nothing to compare: "
            "add the table, or --set radio.flowgraph.carrier_offset_hz=0"
        )
    return Radio(config), Radio(config.model_copy(update={"flowgraph": None, "sync_symbols": True}))


def score_bursts(radio: Radio, es_n0_db: float, bursts: int, num_symbols: int, seed: int) -> Iterator[BurstScores]:
    """Send `bursts` bursts of random symbols of every modulation order, and yield scores batch by batch."""
    link = SymbolLink(radio)
    for first in range(0, bursts, BATCH):
        batch = min(BATCH, bursts - first)
        fading = radio.draw(batch, 1, seed + first)
        air = AirInterface(radio.config, fading, es_n0_db, seed + first).forward(0)
        errors, rates, lost = [], {}, []
        for order in ORDERS:
            modulation = Modulation(order)
            draw = generator(seed, first, order)
            bits = torch.randint(2, (batch, order * num_symbols), generator=draw)
            symbols = modulation.map(bits)
            received = link.send(symbols, air)
            estimate = received.symbols / (1 + received.noise_variance)
            errors.append(float((estimate - symbols).abs().square().mean()))
            decided = modulation.llr(received.symbols, received.noise_variance) > 0
            rates[order] = float((decided != bits.bool()).float().mean())
            lost.append(float(received.lost.float().mean()))
        yield BurstScores(float(np.mean(errors)), rates, 1 - float(np.mean(lost)), batch)


def mean_scores(scores: Sequence[BurstScores]) -> BurstScores:
    """Return the scores over all bursts of several batches."""
    counts = [s.bursts for s in scores]

    def average(values: Sequence[float]) -> float:
        return float(np.average(values, weights=counts))

    return BurstScores(
        average([s.error for s in scores]),
        {order: average([s.bit_error_rate[order] for s in scores]) for order in ORDERS},
        average([s.detected for s in scores]),
        sum(counts),
    )


def measure_curves(
    config: RadioConfig, es_n0_dbs: Iterable[float], bursts: int, num_symbols: int, seed: int
) -> Iterator[dict[str, float]]:
    """Yield a row for each SNR: scores through GNU Radio and in simulation, and the loss of the former.

    `loss_db` is the Es/N0 of the row minus the one at which the simulation has the same error as GNU Radio; infinite
    beyond `_BEHIND_DB`.

    Raises:
        ValueError: `config` has no flowgraph.
    """
    looped, simulated = radio_pair(config)
    for es_n0_db in es_n0_dbs:
        real = mean_scores(list(score_bursts(looped, es_n0_db, bursts, num_symbols, seed)))
        ideal = mean_scores(list(score_bursts(simulated, es_n0_db, bursts, num_symbols, seed)))
        around = np.arange(es_n0_db - _BEHIND_DB, es_n0_db + _AHEAD_DB + 1e-9, _STEP_DB)
        errors = [mean_scores(list(score_bursts(simulated, float(x), bursts, num_symbols, seed))).error for x in around]
        equal = float(np.interp(-math.log(real.error), -np.log(errors), around, left=-math.inf))
        row = {
            "es_n0_db": es_n0_db,
            "error_db": 10 * math.log10(real.error),
            "simulated_error_db": 10 * math.log10(ideal.error),
            "loss_db": es_n0_db - equal,
            "detected": real.detected,
        }
        for order, name in ORDERS.items():
            row[f"ber {name}"] = real.bit_error_rate[order]
            row[f"simulated ber {name}"] = ideal.bit_error_rate[order]
        yield row


def count_false_alarms(config: RadioConfig, windows: int, num_symbols: int, seed: int) -> Iterator[int]:
    """Yield, batch by batch, how many of `windows` windows of GNU Radio's noise pass for bursts of `num_symbols`."""
    radio, _ = radio_pair(config)
    assert isinstance(radio.medium, FlowgraphMedium)
    allocations = radio.allocator(config.num_layers).allocate(num_symbols)
    burst = radio.medium.bursts.of(allocations)
    silence = torch.zeros(BATCH, config.num_layers, burst.length, dtype=torch.complex64)
    for first in range(0, windows, BATCH):
        batch = min(BATCH, windows - first)
        air = AirInterface(radio.config, radio.draw(batch, 1, seed), 0.0, seed + first).forward(0)
        noise = radio.medium.transport(silence[:batch], air, "data")
        yield int(burst.receive(noise).found.sum())


def measure_speed(config: RadioConfig, num_symbols: int) -> pd.DataFrame:
    """Time each stage for bursts of `num_symbols`: columns stage, ms (a burst), msps (million samples a second)."""
    radio, _ = radio_pair(config)
    medium = radio.medium
    assert isinstance(medium, FlowgraphMedium)
    allocations = radio.allocator(config.num_layers).allocate(num_symbols)
    burst = medium.bursts.of(allocations)
    air = AirInterface(radio.config, radio.draw(BATCH, 1, 1), 10.0, 1).forward(0)
    grids = [
        torch.randn(BATCH, a.num_layers, a.num_ofdm_symbols, a.num_subcarriers, dtype=torch.complex64)
        for a in allocations
    ]
    stages = {"modulate": 0.0, "GNU Radio and the boundary": 0.0, "synchronise and demodulate": 0.0}
    rounds = 0
    samples = burst.transmit(grids)
    burst.receive(medium.transport(samples, air, "data"))
    while rounds == 0 or sum(stages.values()) < _LEAST_SECONDS:
        times = [time.perf_counter()]
        samples = burst.transmit(grids)
        times.append(time.perf_counter())
        received = medium.transport(samples, air, "data")
        times.append(time.perf_counter())
        burst.receive(received)
        times.append(time.perf_counter())
        for stage, start, end in zip(stages, times, times[1:], strict=False):
            stages[stage] += end - start
        rounds += 1
    count = rounds * BATCH
    carried = received.shape[-1] * len(samples[0]) * count
    return pd.DataFrame(
        [{"stage": stage, "ms": 1e3 * spent / count, "msps": carried / spent / 1e6} for stage, spent in stages.items()]
    )


def curve_table(curves: pd.DataFrame) -> Table:
    """Return symbol errors, loss, detection and bit error rates of `measure_curves`, a row for each SNR."""
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


def speed_table(stages: pd.DataFrame, num_symbols: int) -> Table:
    """Return the time of a burst as `measure_speed` gives it, a row for each stage."""
    rows = [[row.stage, f"{row.ms:.2f}", f"{row.msps:.1f}"] for row in stages.itertuples()]
    return make_table(f"Time of a burst of {num_symbols:,} symbols", ["stage", "ms", "MS/s"], rows)


def curve_figure(curves: pd.DataFrame, title: str) -> Figure:
    """Draw symbol error, bit error rates, and loss with detection, over Es/N0."""
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    symbols, bits, loss = figure.subplots(1, 3)
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
    figure.suptitle(title, fontsize=9, color="#555555")
    return figure


def _label(axis: Axes, label: str) -> None:
    """Dress a panel over Es/N0 with `label` along its other axis."""
    axis.set_xlabel("$E_s/N_0$ (dB)", fontsize=9)
    axis.set_ylabel(label, fontsize=9)
    dress(axis, "black")
    axis.xaxis.set_major_locator(MultipleLocator(5))
