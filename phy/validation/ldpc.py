"""Block error rates of the LDPC code against published counts, and of the transport link against Sionna's decoder."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes

from taskwave.phy.coding.mcs import mcs
from taskwave.phy.definitions import eb_n0_to_es_n0_db
from taskwave.phy.drawing import COLOURS, GREY, label, panels
from taskwave.phy.validation.checks import Check, Section, counts_alike
from taskwave.phy.validation.coded import LdpcCode, code_errors, transport_errors
from taskwave.phy.validation.uncoded import QAM

TEXT = """Published: AFF3CT's error rate references for the 5G NR code (github.com/aff3ct/error_rate_references, files
LDPC_N…_hlayered_SPA_i10_5G.txt of 2026-06-24, AFF3CT 4.4.0-20-g5e083bc and 4.5.0): base graph, rate matching to n,
BPSK in AWGN, horizontal layered sum-product decoding with ten iterations and no early stop, about 100 frame errors a
point. Ours is the same schedule in `phy/coding/ldpc.py`, QPSK through the symbol link at equal Eb/N0; both counts are
random and are compared so. The cross-check is no publication: block errors of Sionna's own chain (flooding, 40
iterations, counts recorded by `tests/phy/coding/test_ldpc.py`) against our transport link with CRC and 20 layered
iterations. Other public tables (ns-3's 5G-LENA, OpenAirInterface) do not say how they count SNR or decode, and are
not used."""


@dataclass(frozen=True)
class PublishedPoint:
    """Holds published counts of frame errors at one Eb/N0."""

    eb_n0_db: float
    errors: int
    """Number of wrong frames."""
    frames: int
    """Number of frames that were sent."""

    @property
    def bler(self) -> float:
        """Block error rate."""
        return self.errors / self.frames


AFF3CT = {
    LdpcCode(20, 40, "bg2"): (
        PublishedPoint(2.0, 103, 409),
        PublishedPoint(3.0, 101, 1340),
        PublishedPoint(4.0, 101, 5132),
    ),
    LdpcCode(512, 1024, "bg2"): (
        PublishedPoint(1.0, 112, 222),
        PublishedPoint(1.25, 104, 423),
        PublishedPoint(1.5, 102, 1383),
        PublishedPoint(1.75, 102, 5058),
    ),
    LdpcCode(6144, 12288, "bg1"): (
        PublishedPoint(1.0, 111, 186),
        PublishedPoint(1.1, 113, 346),
        PublishedPoint(1.2, 101, 1520),
    ),
}
"""Published points of each code; all codes have rate 1/2."""

SIONNA = ((4, 1.7, 1242, 2000), (4, 2.1, 221, 1000), (14, 11.9, 563, 1000), (14, 12.2, 187, 1000))
"""Points of Sionna's chain: MCS index (256-QAM table), es_n0_db, block errors, blocks.

Each block has 432 data symbols: QPSK with k = 504 and 64-QAM with k = 1552.
"""
SIONNA_CHANNEL_USES = 504
"""Number of channel uses of each block in `SIONNA`."""
_ITERATIONS = 10
_SEED = 31


def run(quick: bool) -> Section:
    """Check all published points and the points of Sionna's chain; with `quick` only those that take few blocks."""
    checks: list[Check] = []
    figure, (curves, both) = panels(2)
    for (code, points), colour in zip(AFF3CT.items(), COLOURS, strict=False):
        chosen = [p for p in points if not quick or (code.k < 6144 and p.bler > 0.05)]
        if not chosen:
            continue
        measured = [_published(code, point, wanted=150 if quick else 300) for point in chosen]
        checks += measured
        name = f"k = {code.k:,}, n = {code.n:,}"
        curves.semilogy(
            [p.eb_n0_db for p in points], [p.bler for p in points], "-", color=colour, linewidth=1.2, label=name
        )
        curves.semilogy([p.eb_n0_db for p in chosen], [c.measured for c in measured], "o", color=colour, markersize=5)
        _compare(both, measured, colour, "o", f"AFF3CT, {name}")
    curves.set_ylim(1e-2, 1)
    label(curves, "LDPC code, ten layered iterations", "$E_b/N_0$ (dB)", "block error rate")
    curves.legend(frameon=False, fontsize=8, title="lines: AFF3CT, dots: TaskWave", title_fontsize=8)
    crossed = [_crossed(*point, blocks=600 if quick else 2000) for point in SIONNA]
    checks += crossed
    _compare(both, crossed, "black", "s", "Sionna's decoder")
    both.plot([1e-2, 1], [1e-2, 1], color=GREY, linewidth=0.8, zorder=1)
    label(both, "All points", "block error rate there", "here (bars: allowed)")
    both.legend(frameon=False, fontsize=7.5)
    return Section("LDPC block error rates", TEXT, checks, {"ldpc": figure})


def _compare(axis: Axes, checks: list[Check], colour: str, marker: str, name: str) -> None:
    """Draw measured over published block error rates, with the allowed interval around the published ones."""
    there = [c.expected for c in checks]
    slack = [[c.expected - c.low for c in checks], [c.high - c.expected for c in checks]]
    axis.errorbar(there, there, slack, fmt="none", ecolor=colour, elinewidth=0.8, capsize=2, alpha=0.6)
    axis.loglog(there, [c.measured for c in checks], marker, color=colour, markersize=4.5, label=name)


def _published(code: LdpcCode, point: PublishedPoint, *, wanted: int) -> Check:
    """Count errors at a published point, in as many blocks as should hold `wanted` errors."""
    blocks = math.ceil(wanted * point.frames / point.errors)
    es_n0_db = eb_n0_to_es_n0_db(point.eb_n0_db, 2, code.k / code.n)
    ours = code_errors(code, _ITERATIONS, es_n0_db, blocks, _SEED)
    name = f"k = {code.k}, n = {code.n}, Eb/N0 {point.eb_n0_db:g} dB"
    return counts_alike(name, ours, blocks, (point.errors, point.frames), "AFF3CT")


def _crossed(index: int, es_n0_db: float, errors: int, blocks_there: int, *, blocks: int) -> Check:
    scheme = mcs(index)
    ours = transport_errors(scheme, SIONNA_CHANNEL_USES, es_n0_db, blocks, _SEED)
    name = f"Transport link, {QAM[scheme.modulation_order]} R = {scheme.code_rate:.2f}, {es_n0_db:g} dB"
    return counts_alike(name, ours, blocks, (errors, blocks_there), "Sionna's decoder (cross-check)")
