"""Bit error rates of QAM through the whole symbol link against closed forms.

Trials are independent: one bit of every symbol in AWGN, and in fading one bit of every image, each with its own channel
realisation. The bit positions of a symbol take turns.
"""

import math

import numpy as np
import torch
from scipy.optimize import brentq

from taskwave.phy.coding.modulation import MODULATION_ORDERS, Modulation
from taskwave.phy.config.radio import Channel
from taskwave.phy.drawing import COLOURS, label, panels
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.seeds import generator
from taskwave.phy.theory import ber_qam_awgn, ber_qam_rayleigh
from taskwave.phy.validation.checks import Check, Section, count, forward, simple_radio

QAM = {2: "QPSK", 4: "16-QAM", 6: "64-QAM", 8: "256-QAM"}
_SYMBOLS = 50_000
"""Number of symbols of a message in AWGN."""
_IMAGES = 20_000
"""Number of images that are drawn together in fading."""
_RATES = {"awgn": (0.1, 0.03, 0.01, 1e-3, 1e-4), "rayleigh": (0.1, 0.03, 0.01, 3e-3)}
"""Bit error rates near which measurements are taken."""
_QUICK_RATES = (0.05,)
_SEED = 11

TEXT = """Random bits through `Modulation` and `SymbolLink` (OFDM grid, DMRS, channel, equaliser with perfect channel
knowledge, exact demapper), decided by the sign of the logit. Theory is Cho and Yoon (2002) in AWGN, and its exact
mean over Rayleigh fading with maximum ratio combining. In AWGN every symbol is a trial (one of its bits, positions in
turn), in fading every image, with a channel realisation of its own, so the trials are independent and the bound is
binomial."""


def theory(order: int, es_n0_db: float, channel: Channel, branches: int) -> float:
    """Return the bit error rate by formula, with `branches` receive antennas."""
    return ber_qam_awgn(order, es_n0_db) if channel == "awgn" else ber_qam_rayleigh(order, es_n0_db, branches)


def bit_errors(order: int, channel: Channel, branches: int, es_n0_db: float, trials: int, seed: int) -> tuple[int, int]:
    """Count (errors, trials) of at least `trials` independent bits over `channel` with `branches` receive antennas."""
    link, modulation = SymbolLink(simple_radio(channel, branches)), Modulation(order)
    per_image, images = (_SYMBOLS, 1) if channel == "awgn" else (1, _IMAGES)
    per_image, images = min(per_image, trials), min(images, trials)
    done = errors = 0
    while done < trials:
        air = forward(link.radio, es_n0_db, images, seed + done)
        bits = torch.randint(0, 2, (images, per_image * order), generator=generator(seed, done))
        received = link.send(modulation.map(bits), air)
        wrong = ((modulation.llr(received.symbols, received.noise_variance) > 0) != bits.bool()).reshape(-1, order)
        rows = torch.arange(len(wrong))
        errors += int(wrong[rows, rows % order].sum())
        done += len(wrong)
    return errors, done


def run(quick: bool) -> Section:
    """Check QPSK to 256-QAM over AWGN and Rayleigh fading 1x1, 1x2 and 1x4."""
    settings: list[tuple[str, Channel, int]] = [
        ("AWGN", "awgn", 1),
        ("Rayleigh 1×1", "rayleigh", 1),
        ("Rayleigh 1×2, MRC", "rayleigh", 2),
        ("Rayleigh 1×4, MRC", "rayleigh", 4),
    ]
    checks: list[Check] = []
    figure, axes = panels(4, 3.6, 3.1)
    for axis, (name, channel, branches) in zip(axes, settings, strict=True):
        rates = _QUICK_RATES if quick else _RATES[channel]
        for order, colour in zip(MODULATION_ORDERS, COLOURS, strict=False):
            es_n0_dbs = [_es_n0_db_at(p, order, channel, branches) for p in rates]
            measured = [_check(name, channel, branches, order, p, x) for p, x in zip(rates, es_n0_dbs, strict=True)]
            checks += measured
            grid = np.linspace(min(es_n0_dbs) - 4, max(es_n0_dbs) + 2, 60)
            axis.semilogy(
                grid, [theory(order, x, channel, branches) for x in grid], color=colour, linewidth=1.3, label=QAM[order]
            )
            slack = [c.high - c.expected for c in measured]
            axis.errorbar(
                es_n0_dbs,
                [c.measured for c in measured],
                slack,
                fmt="o",
                color=colour,
                markersize=4,
                capsize=2,
                elinewidth=1,
            )
        label(axis, name, "$E_s/N_0$ per antenna (dB)", "bit error rate")
        axis.set_ylim(5e-5, 0.5)
    axes[1].legend(frameon=False, fontsize=8, loc="lower left", title="lines: theory, dots: measured", title_fontsize=8)
    return Section("Uncoded bit error rates", TEXT, checks, {"ber": figure})


def _es_n0_db_at(p: float, order: int, channel: Channel, branches: int) -> float:
    """Return the SNR [dB] at which theory has the bit error rate `p`, rounded to tenths."""
    root = brentq(lambda x: theory(order, x, channel, branches) - p, -30, 70)
    return round(float(root), 1)


def _check(name: str, channel: Channel, branches: int, order: int, rate: float, es_n0_db: float) -> Check:
    trials = math.ceil(max(4000, 220 / rate))
    errors, trials = bit_errors(order, channel, branches, es_n0_db, trials, _SEED)
    source = "Cho and Yoon 2002" if channel == "awgn" else "Cho and Yoon 2002, mean over fading"
    p = theory(order, es_n0_db, channel, branches)
    return count(f"{name}, {QAM[order]}, {es_n0_db:g} dB", errors, trials, p, source)
