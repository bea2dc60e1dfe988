"""Modulation and coding schemes, channel quality indicators, and the outer loop that corrects what they promise.

MCS are those of TS 38.214 tables 5.1.3.1-1 (up to 64-QAM), -2 (256-QAM) and -3 (low rates).
"""

from dataclasses import dataclass
from typing import Literal

McsTable = Literal["qam64", "qam256", "qam64-low-se"]

# (modulation order, code rate x 1024), by index.
_TABLES: dict[McsTable, tuple[tuple[int, float], ...]] = {
    "qam64": (
        (2, 120), (2, 157), (2, 193), (2, 251), (2, 308), (2, 379), (2, 449), (2, 526), (2, 602), (2, 679),
        (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
        (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
        (6, 910), (6, 948),
    ),
    "qam256": (
        (2, 120), (2, 193), (2, 308), (2, 449), (2, 602),
        (4, 378), (4, 434), (4, 490), (4, 553), (4, 616), (4, 658),
        (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772), (6, 822), (6, 873),
        (8, 682.5), (8, 711), (8, 754), (8, 797), (8, 841), (8, 885), (8, 916.5), (8, 948),
    ),
    "qam64-low-se": (
        (2, 30), (2, 40), (2, 50), (2, 64), (2, 78), (2, 99), (2, 120), (2, 157), (2, 193), (2, 251), (2, 308),
        (2, 379), (2, 449), (2, 526), (2, 602),
        (4, 340), (4, 378), (4, 434), (4, 490), (4, 553), (4, 616),
        (6, 438), (6, 466), (6, 517), (6, 567), (6, 616), (6, 666), (6, 719), (6, 772),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Mcs:
    """One modulation and coding scheme."""

    index: int
    table: McsTable
    modulation_order: int
    """Bits per QAM symbol, Qm: 2, 4, 6 or 8."""
    code_rate: float
    """Target code rate R: transport block and CRC bits over coded bits, at most."""


def mcs_table(table: McsTable = "qam256") -> tuple[Mcs, ...]:
    """All schemes of a table, by index."""
    return tuple(Mcs(i, table, order, rate / 1024) for i, (order, rate) in enumerate(_TABLES[table]))


def mcs_ladder() -> tuple[Mcs, ...]:
    """What links choose from: table 5.1.3.1-2, and below it the low rates of table 5.1.3.1-3; by rising efficiency."""
    low, high = mcs_table("qam64-low-se"), mcs_table("qam256")
    return (*(scheme for scheme in low if scheme.code_rate < high[0].code_rate), *high)


def mcs(index: int, table: McsTable = "qam256") -> Mcs:
    """The scheme of one index.

    Raises:
        ValueError: no such table or index.
    """
    if table not in _TABLES:
        raise ValueError(f"MCS table {table!r} does not exist: use one of {', '.join(_TABLES)}.")
    if not 0 <= index < len(_TABLES[table]):
        raise ValueError(f"MCS index {index} does not exist in table {table}: use 0 to {len(_TABLES[table]) - 1}.")
    return mcs_table(table)[index]


CQI_BITS = 4
CQI_BLER = 0.1
"""Block error rate at most at which a reported scheme must be received (TS 38.214 clause 5.2.2.1)."""


@dataclass(frozen=True)
class Cqi:
    """One channel quality indicator: the scheme that the receiver could decode."""

    index: int
    modulation_order: int
    code_rate: float


# TS 38.214 table 5.2.2.1-3 (up to 256-QAM): (modulation order, code rate x 1024) of indices 1 to 15; 0: out of range.
_TABLE = (
    (2, 78), (2, 193), (2, 449), (4, 378), (4, 490), (4, 616), (6, 466), (6, 567), (6, 666), (6, 772), (6, 873),
    (8, 711), (8, 797), (8, 885), (8, 948),
)  # fmt: skip


def cqi_table() -> tuple[Cqi, ...]:
    """CQI 1 to 15 of TS 38.214 table 5.2.2.1-3, by rising spectral efficiency."""
    return tuple(Cqi(i, order, rate / 1024) for i, (order, rate) in enumerate(_TABLE, start=1))


class OuterLoop:
    """Outer-loop link adaptation: an SNR offset that holds the block error rate at a target (Sampath et al. 1997).

    Every ACK raises the offset by `step_db`, every NACK lowers it by `step_db` (1 - target) / target: in equilibrium
    the share of NACKs is the target, whatever bias, noise and age the reported quality has.

    Args:
        target: block error rate, in (0, 1).
        step_db: upward step [dB], above 0.

    Raises:
        ValueError: a target or step out of range.
    """

    def __init__(self, target: float = CQI_BLER, step_db: float = 0.05) -> None:
        if not 0.0 < target < 1.0 or not step_db > 0.0:
            raise ValueError(
                f"target {target:g} must be in (0, 1) and step_db {step_db:g} above 0: give for example 0.1 and 0.05."
            )
        self.offset_db = 0.0
        self._up_db, self._down_db = step_db, step_db * (1.0 - target) / target

    def update(self, acknowledged: bool) -> None:
        """Take one acknowledgement of a first transmission into account."""
        self.offset_db += self._up_db if acknowledged else -self._down_db
