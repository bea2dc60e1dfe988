"""Study of peaks of OFDM symbols and what amplifiers do to them: analog against QAM in the same resource elements."""

from collections.abc import Iterator

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from rich.table import Table

from taskwave.phy.coding.modulation import Modulation, interleaver
from taskwave.phy.config.hardware import AmplifierConfig, ImpairmentsConfig
from taskwave.phy.drawing import dress, make_table
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.links.slot import SlotTransceiver
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator
from taskwave.phy.waveform.ofdm import carrier_modem
from taskwave.phy.waveform.transmitter import Transmitter, exceedance, papr_db
from taskwave.semantic.codec.placement import tiles
from taskwave.semantic.weights import Models

BACKOFFS_DB = (-3.0, 0.0, 3.0, 6.0, 9.0, 12.0)
"""Input back-offs of the amplifier [dB]."""
_ORDERS = {2: "QPSK", 4: "16-QAM", 8: "256-QAM"}
"""Modulation orders (bits of a symbol) and their names."""
_LEVELS_DB = torch.linspace(0, 18, 181)
"""PAPR of the points of a CCDF [dB]."""
_RARE = 0.01
"""Share of OFDM symbols that exceed the PAPR in the table."""
_COLOURS = {
    "analog": "#D55E00",
    "interleaved": "#E69F00",
    "QPSK": "#56B4E9",
    "16-QAM": "#009E73",
    "256-QAM": "#0072B2",
    "Gaussian": "#555555",
}


def messages(models: Models, radio: Radio, images: torch.Tensor, seed: int) -> Iterator[tuple[str, str, torch.Tensor]]:
    """Yield the name of a message, the kind of its symbols, and its grids [B, L, S, F].

    Messages are `images` [B, 3, H, W] as one window and as nine, their symbols in their own order and interleaved.
    Others of the same allocation hold random QAM or complex Gaussian symbols.
    """
    for name, part in (("general part", _windows(models, images, 1)), ("windows", _windows(models, images, 3))):
        analog = part / part.abs().square().mean(1, keepdim=True).sqrt()
        (allocation,) = radio.allocator(radio.config.num_layers).allocate(analog.shape[1])
        slot = SlotTransceiver(radio, allocation)
        shape = (len(images), allocation.num_data_symbols)
        # Free positions are filled with symbols of the same kind, because padding would have other peaks.
        filled = analog.repeat(1, 2)[:, : shape[1]]
        yield name, "analog", _data(slot, filled, allocation)
        yield name, "interleaved", _data(slot, filled[:, interleaver(shape[1])], allocation)
        for order, kind in _ORDERS.items():
            bits = torch.randint(2, (shape[0], order * shape[1]), generator=generator(seed, order)).float()
            yield name, kind, _data(slot, Modulation(order).map(bits), allocation)
        gaussian = torch.randn(shape, dtype=torch.complex64, generator=generator(seed, 0))
        yield name, "Gaussian", _data(slot, gaussian, allocation)


def _windows(models: Models, images: torch.Tensor, across: int) -> torch.Tensor:
    """Return the symbols [B, N] of images, as windows that lie so many across and down."""
    code, question = models.windows, models.windows.unasked(torch.full((len(images),), 10.0))
    windows = tiles(images.shape[-2], images.shape[-1], across, across)
    symbols = [code.encode(window.cut(images), question) * code.amplitude(question.kinds) for window in windows]
    return torch.cat(symbols, dim=1)


def _data(slot: SlotTransceiver, symbols: torch.Tensor, allocation: Allocation) -> torch.Tensor:
    """Return grids without their DMRS, which are the same for all kinds of symbols."""
    return slot.transmit(symbols)[:, :, list(allocation.data_ofdm_symbols)]


@torch.no_grad()
def measure_peaks(models: Models, radio: Radio, images: torch.Tensor, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure CCDFs (message, symbols, subcarriers, papr_db, share) and errors (message, symbols, backoff_db, evm_db).

    `evm_db` is the power of distortion on data REs over that of the symbols [dB], behind the amplifier of the radio,
    or a Rapp amplifier with p = 2 where it has none, at each input back-off.
    """
    table = radio.config.impairments
    amplifier = (table and table.amplifier) or AmplifierConfig(model="rapp", input_backoff_db=0)
    modem = carrier_modem(radio.config)
    peaks, errors = [], []
    for message, kind, grid in messages(models, radio, images, seed):
        common = {"message": message, "symbols": kind, "subcarriers": grid.shape[-1]}
        share = exceedance(papr_db(grid), _LEVELS_DB)
        peaks += [{**common, "papr_db": float(x), "share": float(y)} for x, y in zip(_LEVELS_DB, share, strict=True)]
        for backoff_db in BACKOFFS_DB:
            driven = amplifier.model_copy(update={"input_backoff_db": backoff_db})
            power = grid.shape[-1] / modem.fft_size / grid.shape[1]
            sent = Transmitter(ImpairmentsConfig(amplifier=driven), power).send(modem.modulate(grid))
            start, every = torch.full((len(grid),), modem.prefix), torch.arange(grid.shape[2])
            error = modem.demodulate(sent, start, every, grid.shape[3]) - grid
            evm = error.abs().square().mean() / grid.abs().square().mean()
            errors.append({**common, "backoff_db": backoff_db, "evm_db": float(10 * torch.log10(evm))})
    return pd.DataFrame(peaks), pd.DataFrame(errors)


def papr_table(peaks: pd.DataFrame, errors: pd.DataFrame) -> Table:
    """Return the PAPR that one OFDM symbol in 100 exceeds and the EVM at each back-off, for each kind of message."""
    rows = []
    for (message, kind), part in peaks.groupby(["message", "symbols"], sort=False):
        rare = part.loc[part["share"] <= _RARE, "papr_db"].min()
        evm = errors[(errors["message"] == message) & (errors["symbols"] == kind)]["evm_db"]
        cells = [str(part["subcarriers"].iloc[0]), f"{rare:.1f}", *(f"{value:.1f}" for value in evm)]
        rows.append([f"{message}, {kind}", *cells])
    columns = ["message", "subcarriers", "1 %", *(f"{b:g} dB" for b in BACKOFFS_DB)]
    return make_table("PAPR that 1 % of OFDM symbols exceed (dB), and EVM (dB) at input back-offs", columns, rows)


def papr_figure(peaks: pd.DataFrame, errors: pd.DataFrame, title: str) -> Figure:
    """Draw CCDFs of PAPR, a panel for each of two messages, and their EVM over back-off."""
    names = list(peaks["message"].unique())
    figure = Figure(figsize=(3.6 * (len(names) + 1), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    *panels, last = figure.subplots(1, len(names) + 1)
    for axis, name in zip(panels, names, strict=True):
        mine = peaks[peaks["message"] == name]
        for kind, part in mine.groupby("symbols", sort=False):
            axis.semilogy(part["papr_db"], part["share"].where(part["share"] > 0), color=_COLOURS[kind], label=kind)
        axis.set_title(f"{name}, {mine['subcarriers'].iloc[0]} subcarriers", fontsize=9)
        axis.set_ylim(3e-3, 1)
        axis.set_xlim(2, 16)
        _label(axis, "PAPR (dB)", "share of OFDM symbols above")
    panels[0].legend(frameon=False, fontsize=8)
    for (name, kind), part in errors.groupby(["message", "symbols"], sort=False):
        style = "-" if name == names[0] else "--"
        last.plot(part["backoff_db"], part["evm_db"], style, color=_COLOURS[kind], marker="o", markersize=3)
    last.set_title(f"solid: {names[0]}, dashed: {names[1]}", fontsize=9)
    last.xaxis.set_major_locator(MultipleLocator(3))
    _label(last, "input back-off (dB)", "EVM (dB)")
    figure.suptitle(title, fontsize=9, color="#555555")
    return figure


def _label(axis: Axes, x: str, y: str) -> None:
    """Dress a panel and label its axes."""
    axis.set_xlabel(x, fontsize=9)
    axis.set_ylabel(y, fontsize=9)
    dress(axis, "black")
