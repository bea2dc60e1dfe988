"""Polar codes of short control messages, as the downlink (DCI) and the uplink (UCI) of NR have them (TS 38.212).

Both chains are those of clauses 5.3.1 and 5.4.1. Downlink control information has a CRC of 24 bits that is spread over
the code word by the input interleaver, and no interleaver of coded bits (clause 7.3). Uplink control information from
20 bits on has a CRC of 11 bits, and its coded bits are interleaved (clause 6.3.1).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch

_LIST_SIZE = 8
"""Number of paths of the list decoder."""
_LONGEST_MOTHER_CODE = 512
"""Largest number of coded bits of the downlink that are not repeated (TS 38.212 clause 7.3.3: n_max = 9)."""


@dataclass(frozen=True)
class PolarChain:
    """Describes CRC and limits of the code words of one direction."""

    name: Literal["downlink", "uplink"]
    crc_bits: int
    """Number of CRC bits of a code word."""
    min_bits: int
    """Smallest number of message bits of a code word: shorter messages are filled up with zeros."""
    max_bits: int
    """Largest number of message bits of a code word."""
    max_coded_bits: int
    """Largest number of coded bits of a code word."""


DOWNLINK = PolarChain("downlink", crc_bits=24, min_bits=12, max_bits=140, max_coded_bits=1728)
"""Chain of DCI: TS 38.212 clauses 7.3.1 (zeros up to 12 bits) to 7.3.4. A PDCCH candidate has up to 16 control channel
elements (TS 38.211 clause 7.3.2.1), and each carries 108 bits beside its DMRS. Neither the ones before the CRC nor its
mask by the RNTI are there (clause 7.3.2): both are known to the receiver and change no error rate."""
UPLINK = PolarChain("uplink", crc_bits=11, min_bits=20, max_bits=1013, max_coded_bits=1088)
"""Chain of UCI of 20 bits and more: TS 38.212 clauses 6.3.1.2 to 6.3.1.4. Shorter ones would have a CRC of 6 bits."""


class PolarCode:
    """Encodes and decodes code words of one size; a list decoder with 8 paths chooses by the CRC.

    Args:
        chain: chain of the direction.
        num_bits: message bits of a code word.
        coded_bits: coded bits of a code word.
    """

    def __init__(self, chain: PolarChain, num_bits: int, coded_bits: int) -> None:
        from sionna.phy.fec.polar import Polar5GDecoder, Polar5GEncoder  # noqa: PLC0415 - Sionna takes seconds to import

        self.coded_bits = coded_bits
        # Sionna's downlink ends at 576 bits. From 512 on the circular buffer repeats, as for any longer code word.
        self._sent = min(coded_bits, _LONGEST_MOTHER_CODE) if chain.name == "downlink" else coded_bits
        self._encoder = Polar5GEncoder(num_bits, self._sent, channel_type=chain.name, device="cpu")
        self._decoder = Polar5GDecoder(self._encoder, "SCL", list_size=_LIST_SIZE, return_crc_status=True, device="cpu")

    def encode(self, bits: torch.Tensor) -> torch.Tensor:
        """Encode messages [..., num_bits] float32 of zeros and ones as code words [..., coded_bits] float32."""
        coded: torch.Tensor = self._encoder(bits)
        return coded[..., torch.arange(self.coded_bits) % self._sent]

    def decode(self, llr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decode logits [B, coded_bits] as bits [B, num_bits] float32, and whether the CRC holds, [B] bool."""
        index = torch.arange(self.coded_bits) % self._sent
        bits, ok = self._decoder(llr.new_zeros(len(llr), self._sent).index_add_(1, index, llr))
        return bits, ok


@lru_cache(maxsize=256)
def polar_code(chain: PolarChain, num_bits: int, coded_bits: int) -> PolarCode:
    """Return the code of a size, built once a process: a memo that changes no result."""
    return PolarCode(chain, num_bits, coded_bits)
