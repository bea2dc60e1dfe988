"""Distance of the coded chain from what any code could do at its block length."""

import numpy as np

from taskwave.phy.coding.mcs import mcs
from taskwave.phy.coding.transport_block import transport_crc_length
from taskwave.phy.drawing import COLOURS, GREY, label, panels
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.theory import awgn_capacity, awgn_dispersion, bicm_moments, normal_approximation_bits
from taskwave.phy.validation.checks import Check, Section, between, simple_radio
from taskwave.phy.validation.coded import bound_es_n0_db, transport_errors, waterfall
from taskwave.phy.validation.uncoded import QAM

TEXT = """The transport link in AWGN with perfect channel knowledge: payload bits k in n data symbols, and the SNR at
which one block in a hundred is lost. The bound is the normal approximation (Polyanskiy, Poor and Verdú 2010) with
mean and variance of the information density of the same QAM and bit-wise demapping. No code may be better than it is
for the payload; ours is to come within 1.5 dB of it for payload and CRC together, for the bound detects no
errors. The distance for the payload alone stands beside it. The figure also shows the approximation for Gaussian
symbols: what is between the two is lost by the constellation."""

_SCHEMES = ((1, 504), (4, 504), (4, 2016), (7, 504), (14, 504), (14, 1008), (22, 504))
"""Pairs of MCS index (256-QAM table) and channel uses."""
_QUICK = ((4, 504), (7, 504))
_TARGET, _LIMIT_DB = 1e-2, 1.5
_SEED = 51


def run(quick: bool) -> Section:
    """Check the distance from the bound for several schemes and block lengths."""
    checks: list[Check] = []
    figure, (plane,) = panels(1, 4.0, 5.6)
    blocks = 800 if quick else 1500
    radio = simple_radio("awgn")
    colours: dict[int, str] = {}
    for index, uses in _QUICK if quick else _SCHEMES:
        scheme, link = mcs(index), TransportLink(radio, mcs(index))
        n, k, order = link.symbol_link.capacity(uses), 8 * link.payload_bytes(uses), scheme.modulation_order
        bound = bound_es_n0_db(order, k, n, _TARGET)

        def errors(es_n0_db: float, count: int, index: int = index, uses: int = uses) -> int:
            return transport_errors(mcs(index), uses, es_n0_db, count, _SEED)

        reached = waterfall(errors, bound + 0.8, blocks, _TARGET).es_n0_db_at(_TARGET)
        name = f"{QAM[order]}, k = {k:,}, n = {n:,}"
        with_crc = bound_es_n0_db(order, k + transport_crc_length(k), n, _TARGET)
        # No code beats the bound for its payload. The upper limit charges the chain for its code but not for its CRC.
        checks.append(
            between(
                f"{name}: dB to the bound for payload and CRC at 1e-2",
                reached - with_crc,
                bound - with_crc,
                _LIMIT_DB,
                blocks,
                f"normal approximation; {reached - bound:.2f} dB for the payload alone",
            )
        )
        colour = colours.setdefault(order, COLOURS[len(colours)])
        large = n > 432
        plane.plot(reached, k / n, "s" if large else "o", color=colour, markersize=5, zorder=4)
        plane.plot([bound, reached], [k / n, k / n], color=colour, linewidth=0.9)
    grid = np.linspace(-5, 24, 150)
    snr = 10 ** (grid / 10)
    n = 432
    gaussian = normal_approximation_bits(_TARGET, n, awgn_capacity(snr), awgn_dispersion(snr)) / n
    plane.plot(grid, awgn_capacity(snr), color=GREY, linewidth=1, linestyle=":", label="capacity")
    plane.plot(grid, gaussian, color=GREY, linewidth=1.3, label=f"Gaussian symbols, n = {n}")
    for order, colour in colours.items():
        curve = normal_approximation_bits(_TARGET, n, *bicm_moments(order, grid)) / n
        plane.plot(grid, curve, "--", color=colour, linewidth=1, label=f"{QAM[order]}, n = {n}")
    plane.plot([], [], "o", color=GREY, markersize=5, label="TaskWave, n ≤ 432")
    plane.plot([], [], "s", color=GREY, markersize=5, label="TaskWave, larger n")
    label(plane, "Block error rate 1e-2", "$E_s/N_0$ (dB)", "payload bits per data symbol")
    plane.set_ylim(0, 7)
    plane.legend(frameon=False, fontsize=7.5)
    return Section("Gap to the finite-length bound", TEXT, checks, {"finite-length": figure})
