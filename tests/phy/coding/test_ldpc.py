"""Block error rates of the transport link in AWGN against Sionna's own chain, and the layered decoder against Sionna's.

Reference counts (`SIONNA`) were recorded with `sionna_chain` below (Sionna 2.2, sum-product, 40 iterations); the slow
test repeats it. The transport link's 20 layered iterations are worth about 40 of a flooding schedule; with 16 of them
the steepest point (64-QAM, 11.9 dB) fails its bound.
"""

import math

import pytest
import torch

from taskwave.phy.coding.ldpc import LayeredDecoder
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.validation.checks import simple_radio
from taskwave.phy.validation.coded import transport_errors
from taskwave.phy.validation.ldpc import SIONNA, SIONNA_CHANNEL_USES

NUM_SYMBOLS = 432
BLOCK_BITS = {4: 504, 14: 1552}


def sionna_chain(index: int, es_n0_db: float, blocks: int, seed: int) -> int:
    """Block errors of LDPC5GEncoder, Mapper, AWGN, Demapper, LDPC5GDecoder."""
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder  # noqa: PLC0415 - slow to import
    from sionna.phy.mapping import Demapper, Mapper  # noqa: PLC0415

    order, k = mcs(index).modulation_order, BLOCK_BITS[index]
    encoder = LDPC5GEncoder(k, order * NUM_SYMBOLS, num_bits_per_symbol=order, bg="bg2", device="cpu")
    decoder = LDPC5GDecoder(encoder, cn_update="boxplus", num_iter=40, device="cpu")
    generator = torch.Generator().manual_seed(seed)
    bits = torch.randint(0, 2, (blocks, k), generator=generator).float()
    symbols = Mapper("qam", order, device="cpu")(encoder(bits))
    no = 10 ** (-es_n0_db / 10)
    received = symbols + math.sqrt(no) * torch.randn(symbols.shape, generator=generator, dtype=torch.complex64)
    llr = Demapper("app", "qam", order, device="cpu")(received, torch.tensor(no))
    return int((decoder(llr) != bits).any(dim=1).sum())


@pytest.mark.parametrize("index", sorted(BLOCK_BITS))
def test_our_blocks_are_those_of_the_reference(index: int) -> None:
    link = TransportLink(simple_radio("awgn"), mcs(index))
    assert link.symbol_link.capacity(SIONNA_CHANNEL_USES) == NUM_SYMBOLS
    assert 8 * link.payload_bytes(SIONNA_CHANNEL_USES) + 16 == BLOCK_BITS[index]


@pytest.mark.parametrize(("index", "es_n0_db", "errors", "blocks"), SIONNA)
def test_block_error_rate_is_that_of_sionna(
    assert_same_rate, index: int, es_n0_db: float, errors: int, blocks: int
) -> None:
    assert_same_rate(transport_errors(mcs(index), SIONNA_CHANNEL_USES, es_n0_db, 600, 1), 600, errors, blocks)
    # 0.5 dB less would be seen.
    with pytest.raises(AssertionError):
        assert_same_rate(transport_errors(mcs(index), SIONNA_CHANNEL_USES, es_n0_db - 0.5, 400, 1), 400, errors, blocks)


@pytest.mark.slow
@pytest.mark.parametrize(("index", "es_n0_db", "errors", "blocks"), SIONNA)
def test_reference_counts_can_be_repeated(
    assert_same_rate, index: int, es_n0_db: float, errors: int, blocks: int
) -> None:
    again = sum(sionna_chain(index, es_n0_db, 200, seed) for seed in range(100, 103))
    assert_same_rate(again, 600, errors, blocks)


@pytest.mark.parametrize(
    ("k", "n", "graph", "eb_n0_db"),
    [(40, 200, "bg2", 2.0), (300, 400, "bg2", 3.0), (500, 1200, "bg1", 0.9), (1000, 1100, "bg1", 4.0)],
)
def test_layered_decoder_decides_as_sionna_does(k: int, n: int, graph: str, eb_n0_db: float) -> None:
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder  # noqa: PLC0415 - slow to import

    encoder = LDPC5GEncoder(k, n, bg=graph, device="cpu")
    generator = torch.Generator().manual_seed(1)
    bits = torch.randint(0, 2, (60, k), generator=generator).float()
    no = 10 ** (-eb_n0_db / 10) * n / k
    received = 2 * encoder(bits) - 1 + math.sqrt(no / 2) * torch.randn((60, n), generator=generator)
    llr = 4 * received / no
    never = torch.zeros(60, dtype=torch.bool)
    ours = LayeredDecoder(encoder, torch.ones(n, dtype=torch.bool)).decode(llr, lambda b: never[: len(b)], 20, 2)
    reference = LDPC5GDecoder(encoder, cn_update="boxplus", num_iter=40, device="cpu")(llr)
    right, reference_right = (ours == bits).all(dim=1), (reference == bits).all(dim=1)
    assert 0.3 <= float(reference_right.float().mean()) <= 0.999
    # The same messages in another order: blocks on the edge may differ, few of them.
    assert int((right != reference_right).sum()) <= 4


def test_words_that_pass_are_not_decoded_further() -> None:
    from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - slow to import

    encoder = LDPC5GEncoder(100, 200, device="cpu")
    bits = torch.randint(0, 2, (5, 100), generator=torch.Generator().manual_seed(1)).float()
    sizes: list[int] = []

    def check(found: torch.Tensor) -> torch.Tensor:
        sizes.append(len(found))
        return torch.arange(len(found)) > 1

    decoded = LayeredDecoder(encoder, torch.ones(200, dtype=torch.bool)).decode(
        20 * (2 * encoder(bits) - 1), check, 6, 2
    )
    assert torch.equal(decoded, bits)
    assert sizes == [5, 2, 2]
