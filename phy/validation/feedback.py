"""Block errors of the polar-coded control and feedback link against published values and the finite-length bound."""

import numpy as np

from taskwave.phy.drawing import COLOURS, GREY, label, panels
from taskwave.phy.validation.checks import SIGMAS, Check, Section, between, counts_alike
from taskwave.phy.validation.coded import bound_bler, bound_es_n0_db, control_errors, waterfall

TEXT = """Reverse messages (an uplink) of A bits, CRC-11, polar code, E coded bits, QPSK, list decoding with eight
paths, through `ControlLink` in AWGN. Published: SNR for a block error rate of 1e-3 of the PUCCH polar code with a list
of eight, counted with 100 block errors (R. Maunder, github.com/robmaunder/polar-3gpp-matlab,
results/SNR_vs_A_PUCCH_0.001_E_8_1_100_0.txt). At that SNR we count our errors. The bound is the normal approximation
for QPSK (k = A, n = E / 2): no code is better, and ours is to come within 1.5 dB at a block error rate of 1e-2."""

PUBLISHED = {(32, 216): -1.941983, (64, 216): 0.717868}
"""Published SNR [dB] of a block error rate of 1e-3, by (A, E)."""
_PUBLISHED_ERRORS = 100
"""Number of block errors behind each published SNR."""
_SIZES = ((20, 216), (32, 216), (64, 216), (64, 432))
"""Pairs (A, E) of message bits and coded bits."""
_TARGET, _LIMIT_DB = 1e-2, 1.5
_SEED = 41


def run(quick: bool) -> Section:
    """Check the gap to the bound and, unless `quick`, the published points."""
    checks: list[Check] = []
    figure, (curves,) = panels(1, 3.8, 5.2)
    messages = 1000 if quick else 3000
    for (bits, coded), colour in zip(_SIZES[1:3] if quick else _SIZES, COLOURS, strict=False):
        name, start = f"A = {bits}, E = {coded}", bound_es_n0_db(2, bits, coded // 2, _TARGET)

        def errors(es_n0_db: float, count: int, bits: int = bits, coded: int = coded) -> int:
            return control_errors(bits, coded, es_n0_db, count, _SEED)

        found = waterfall(errors, start + 0.6, messages, _TARGET)
        gap = found.es_n0_db_at(_TARGET) - start
        checks.append(
            between(f"{name}: dB to the bound at 1e-2", gap, 0.0, _LIMIT_DB, messages, "normal approximation")
        )
        curves.semilogy(found.es_n0_dbs, found.blers, "o-", color=colour, markersize=4, linewidth=1.2, label=name)
        grid = np.linspace(start - 1, start + 1.2, 40)
        curves.semilogy(
            grid, [bound_bler(2, bits, coded // 2, float(x)) for x in grid], "--", color=colour, linewidth=1
        )
    for (bits, coded), es_n0_db in PUBLISHED.items():
        if not quick:
            checks.append(_published(bits, coded, es_n0_db))
            curves.semilogy(es_n0_db, checks[-1].measured, "s", color="black", markersize=5, zorder=5)
        curves.semilogy(es_n0_db, 1e-3, "x", color="black", markersize=8)
    curves.plot([], [], "--", color=GREY, label="normal approximation")
    curves.plot([], [], "x", color="black", label="published, 1e-3")
    curves.plot([], [], "s", color="black", label="measured there", markersize=5)
    label(curves, "Control and feedback messages", "$E_s/N_0$ (dB)", "block error rate")
    curves.set_ylim(3e-4, 0.7)
    curves.set_xlim(right=3.6)
    curves.legend(frameon=False, fontsize=7.5, loc="upper right")
    return Section("Polar-coded feedback", TEXT, checks, {"feedback": figure})


def _published(bits: int, coded: int, es_n0_db: float) -> Check:
    messages = 100_000
    ours = control_errors(bits, coded, es_n0_db, messages, _SEED)
    name = f"A = {bits}, E = {coded}, {es_n0_db:.3f} dB"
    reference = (_PUBLISHED_ERRORS, round(_PUBLISHED_ERRORS / 1e-3))
    return counts_alike(name, ours, messages, reference, f"polar-3gpp-matlab, {SIGMAS:g} sigma of both counts")
