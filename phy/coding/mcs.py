"""Modulation and coding schemes, channel quality indicators, and the outer loop that corrects what they promise.

MCS are those of TS 38.214 tables 5.1.3.1-1 (up to 64-QAM), -2 (256-QAM) and -3 (low rates); CQI are those of table
5.2.2.1-3.
"""

from dataclasses import dataclass
from typing import Literal

McsTable = Literal["qam64", "qam256", "qam64-low-se"]

CQI_BITS = 4
"""Number of bits of a channel quality indicator."""
CQI_BLER = 0.1
"""Highest block error rate with which a reported scheme may be received (TS 38.214 clause 5.2.2.1)."""

# (modulation order, code rate x 1024), by index.
_MCS_TABLES: dict[McsTable, tuple[tuple[int, float], ...]] = {
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

# TS 38.214 table 5.2.2.1-3 (up to 256-QAM): (modulation order, code rate x 1024) of indices 1 to 15; 0: out of range.
_CQI_TABLE = (
    (2, 78), (2, 193), (2, 449), (4, 378), (4, 490), (4, 616), (6, 466), (6, 567), (6, 666), (6, 772), (6, 873),
    (8, 711), (8, 797), (8, 885), (8, 948),
)  # fmt: skip

_STEP_UP_DB = 0.05
"""Step [dB] by which the outer loop raises its offset after an ACK."""
_STEP_DOWN_DB = _STEP_UP_DB * (1.0 - CQI_BLER) / CQI_BLER
"""Step [dB] by which the outer loop lowers its offset after a NACK."""


@dataclass(frozen=True)
class Mcs:
    """Describes one modulation and coding scheme."""

    index: int
    """Index of the scheme in its table."""
    table: McsTable
    """Name of the table that holds the scheme."""
    modulation_order: int
    """Number of bits per QAM symbol, Qm: 2, 4, 6 or 8."""
    code_rate: float
    """Target code rate R: transport block and CRC bits over coded bits, at most."""


def mcs_table(table: McsTable = "qam256") -> tuple[Mcs, ...]:
    """Return all schemes of a table, by index.

    Raises:
        ValueError: no such table.
    """
    if table not in _MCS_TABLES:
        raise ValueError(f"MCS table {table!r} does not exist: use one of {', '.join(_MCS_TABLES)}.")
    return tuple(Mcs(i, table, order, rate / 1024) for i, (order, rate) in enumerate(_MCS_TABLES[table]))


def mcs(index: int) -> Mcs:
    """Return the scheme of one index of table 5.1.3.1-2 (256-QAM).

    Raises:
        ValueError: no such index.
    """
    schemes = mcs_table("qam256")
    if not 0 <= index < len(schemes):
        raise ValueError(f"MCS index {index} does not exist in table qam256: use 0 to {len(schemes) - 1}.")
    return schemes[index]


def mcs_ladder() -> tuple[Mcs, ...]:
    """Return the schemes that links choose from, by rising efficiency.

    They are those of table 5.1.3.1-2 and, below it, the low rates of table 5.1.3.1-3.
    """
    low, high = mcs_table("qam64-low-se"), mcs_table("qam256")
    return (*(scheme for scheme in low if scheme.code_rate < high[0].code_rate), *high)


@dataclass(frozen=True)
class Cqi:
    """Describes one channel quality indicator: the scheme that the receiver could decode."""

    index: int
    """Number that is reported, 1 to 15."""
    modulation_order: int
    """Number of bits per QAM symbol, Qm: 2, 4, 6 or 8."""
    code_rate: float
    """Code rate R of the scheme."""


def cqi_table() -> tuple[Cqi, ...]:
    """Return CQI 1 to 15 of TS 38.214 table 5.2.2.1-3, by rising spectral efficiency."""
    return tuple(Cqi(i, order, rate / 1024) for i, (order, rate) in enumerate(_CQI_TABLE, start=1))


class OuterLoop:
    """Holds the block error rate at `CQI_BLER` by an SNR offset: outer-loop link adaptation (Sampath et al. 1997).

    Every ACK raises the offset by 0.05 dB, every NACK lowers it by 0.05 dB (1 - target) / target: in equilibrium the
    share of NACKs is the target, whatever bias, noise and age the reported quality has.
    """

    def __init__(self) -> None:
        self.offset_db = 0.0
        """Offset [dB] that is added to the reported SNR."""

    def update(self, acknowledged: bool) -> None:
        """Take one acknowledgement of a first transmission into account."""
        self.offset_db += _STEP_UP_DB if acknowledged else -_STEP_DOWN_DB
