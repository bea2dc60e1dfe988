"""Link adaptation: channel quality indicators and the outer loop that corrects what they promise."""

from dataclasses import dataclass

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
