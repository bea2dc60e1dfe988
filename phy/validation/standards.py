"""Checks against public vectors and tables of TS 38.211, 38.212 and 38.214.

Long tables are compared by the SHA-256 of an independent transcription (github.com/robmaunder/polar-3gpp-matlab and
github.com/robmaunder/ldpc-3gpp-matlab), made once; the numbers are those of the standard.
"""

import hashlib
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from taskwave.phy.coding.mcs import McsTable, mcs_table
from taskwave.phy.coding.modulation import MODULATION_ORDERS, Modulation
from taskwave.phy.coding.transport_block import Crc
from taskwave.phy.grid.allocation import dmrs_symbols
from taskwave.phy.validation.checks import Check, Section, same
from taskwave.phy.validation.uncoded import QAM

TEXT = """Values that somebody else has published: pseudo-random bits of clause 5.2.1 as MathWorks prints them for
`nrPUSCHPRBS` and `ltePRBS`, and the shift registers of the clause run bit by bit; the QAM formulas of clause 5.1; CRC
check values of the catalogue of parametrised CRC algorithms; DMRS positions, MCS tables; the polar reliability
sequence and the LDPC shift tables by the SHA-256 of independent transcriptions. Transport block sizes are *not* those
of TS 38.214 clause 5.1.3.2: a payload fills whatever its allocation carries at the MCS's code rate."""

POLAR_SHA256 = "fbd7522273e81607ccc6eeaf2feb768ba13d4a14c46cf19bf1275e0714cee3f1"
"""SHA-256 of table 5.3.1.2-1: the indices by rising reliability, joined by commas."""
LDPC_SHA256 = {
    "bg1": "808f77fd283e646400debd9d774799c955a647d50f0d901d78373da04e2169c7",
    "bg2": "343a9ac9f98f8fa62b4cc6b8fe7ce5671bb04b878bcf263cc0309b94c59edd06",
}
"""SHA-256 of tables 5.3.2-2 and -3.

Each entry is a line of row, column and the shifts of the eight sets, joined by commas; the lines are sorted.
"""
_LARGEST_LIFTING = (256, 384, 320, 224, 288, 352, 208, 240)
"""Largest lifting size of each set of table 5.3.2-1."""
_PRBS = (
    # nrPUSCHPRBS(17, 120): c_init = 120 * 2^15 + 17; ltePRBS(162): the same sequence of TS 36.211.
    (120 * 2**15 + 17, (0, 1, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1)),
    (162, (1, 0, 1, 1)),
)
"""Pairs of `c_init` and the first bits of the pseudo-random sequence, as MathWorks prints them."""
_CRC_CHECK = {"CRC24A": 0xCDE703, "CRC24B": 0x23EF52, "CRC16": 0x31C3}
"""CRCs of the ASCII string 123456789: CRC-24/LTE-A, CRC-24/LTE-B and CRC-16/XMODEM of the catalogue."""


def run(quick: bool) -> Section:
    """Check all vectors and tables, which takes a second; with `quick` fewer bits of the shift registers."""
    checks = [
        _published_prbs(), _registers(100 if quick else 4000), *(_qam(order) for order in MODULATION_ORDERS),
        *(_crc(name, value) for name, value in _CRC_CHECK.items()),
        _dmrs(), _mcs("qam64", 1), _mcs("qam256", 2),
        _polar(), *(_ldpc(graph) for graph in LDPC_SHA256),
    ]  # fmt: skip
    return Section("Vectors of the standards", TEXT, checks)


def _sequence(length: int, c_init: int) -> list[int]:
    from sionna.phy.nr.utils import generate_prng_seq  # noqa: PLC0415 - slow to import

    return [int(bit) for bit in generate_prng_seq(length, c_init)]


def _differences(ours: Iterable[object], others: Iterable[object]) -> int:
    return sum(a != b for a, b in zip(ours, others, strict=True))


def _published_prbs() -> Check:
    wrong = sum(_differences(_sequence(len(bits), c_init), bits) for c_init, bits in _PRBS)
    return same("Pseudo-random bits, published", wrong, sum(len(bits) for _, bits in _PRBS), "MathWorks, 5.2.1")


def _registers(length: int) -> Check:
    wrong, seeds = 0, (1, 2, 2**31 - 1, 0x2AAAAAAA)
    for c_init in seeds:
        x1, x2 = [1] + [0] * 30, [c_init >> i & 1 for i in range(31)]
        for n in range(1600 + length):
            x1.append((x1[n + 3] + x1[n]) % 2)
            x2.append((x2[n + 3] + x2[n + 2] + x2[n + 1] + x2[n]) % 2)
        expected = [(x1[n + 1600] + x2[n + 1600]) % 2 for n in range(length)]
        wrong += _differences(_sequence(length, c_init), expected)
    return same("Pseudo-random bits, shift registers", wrong, length * len(seeds), "TS 38.211 5.2.1")


def _axis(bits: Sequence[int]) -> int:
    """Return the amplitude of bits b(i), b(i + 2), … by the nested formulas of TS 38.211 clauses 5.1.3 to 5.1.6."""
    value = 1
    for exponent, bit in enumerate(reversed(bits[1:]), start=1):
        value = 2**exponent - (1 - 2 * bit) * value
    return (1 - 2 * bits[0]) * value


def _qam(order: int) -> Check:
    words = list(itertools.product((0, 1), repeat=order))
    scale = np.sqrt({2: 2, 4: 10, 6: 42, 8: 170}[order])
    expected = np.array([complex(_axis(w[::2]), _axis(w[1::2])) / scale for w in words])
    found = Modulation(order).map(torch.tensor(words))[:, 0].numpy()
    wrong = int((np.abs(found - expected) > 1e-6).sum())
    return same(f"{QAM[order]} points", wrong, len(words), "TS 38.211 5.1")


def _crc(name: str, value: int) -> Check:
    bits = torch.tensor([byte >> i & 1 for byte in b"123456789" for i in range(7, -1, -1)]).float()
    crc = Crc(name)
    found = [int(bit) for bit in crc.parity(bits)]
    expected = [value >> i & 1 for i in range(crc.length - 1, -1, -1)]
    return same(f"{name} of 123456789", _differences(found, expected), crc.length, "CRC catalogue, TS 38.212 5.1")


def _dmrs() -> Check:
    from sionna.phy.nr import PUSCHConfig  # noqa: PLC0415 - slow to import

    config, wrong = PUSCHConfig(), 0
    config.mapping_type = "B"
    cases = list(itertools.product(range(8, 15), range(4)))
    for length, additional in cases:
        config.symbol_allocation = [0, length]
        config.dmrs.additional_position = additional
        wrong += list(dmrs_symbols(length, additional)) != config.l_bar
    return same("DMRS positions, 8 to 14 symbols", wrong, len(cases), "TS 38.211 6.4.1.1.3, Sionna's table")


def _mcs(table: McsTable, number: int) -> Check:
    from sionna.phy.nr.utils import decode_mcs_index  # noqa: PLC0415 - slow to import

    wrong = 0
    for scheme in mcs_table(table):
        order, rate = decode_mcs_index(scheme.index, table_index=number, is_pusch=False)
        wrong += scheme.modulation_order != int(order) or abs(scheme.code_rate - float(rate)) > 1e-6
    return same(f"MCS table {table}", wrong, len(mcs_table(table)), "TS 38.214 5.1.3.1, Sionna's table")


def _polar() -> Check:
    from sionna.phy.fec.polar.utils import generate_5g_ranking  # noqa: PLC0415 - slow to import

    # The k most reliable positions, for growing k, give the sequence from its end.
    known = [set(generate_5g_ranking(k, 1024)[1].tolist()) for k in range(1025)]
    order = [next(iter(larger - smaller)) for smaller, larger in itertools.pairwise(known)][::-1]
    digest = hashlib.sha256(",".join(map(str, order)).encode()).hexdigest()
    return same("Polar reliability sequence", int(digest != POLAR_SHA256), 1, "TS 38.212 5.3.1.2-1")


def _ldpc(graph: str) -> Check:
    from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - slow to import

    shifts: dict[tuple[int, int], list[int]] = {}
    for lifting in _LARGEST_LIFTING:
        k = lifting * {"bg1": 22, "bg2": 10}[graph]
        encoder = LDPC5GEncoder(k, k * {"bg1": 3, "bg2": 5}[graph], bg=graph, device="cpu")
        matrix = encoder.pcm.tocsr()
        for row in range(matrix.shape[0] // lifting):
            for column in matrix.indices[matrix.indptr[row * lifting] : matrix.indptr[row * lifting + 1]]:
                shifts.setdefault((row, int(column) // lifting), []).append(int(column) % lifting)
    lines = [",".join(map(str, (*entry, *values))) for entry, values in sorted(shifts.items())]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return same(f"LDPC {graph} shift table", int(digest != LDPC_SHA256[graph]), 1, "TS 38.212 5.3.2-2, -3")
