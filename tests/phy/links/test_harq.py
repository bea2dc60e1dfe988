"""Redundancy versions, soft combining and the HARQ protocol with its fallible feedback."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.channel.medium import FrequencyDomain, SlotSignal, Stream
from taskwave.phy.coding.ldpc import BlockCode, BufferWindow
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.coding.transport_block import segment
from taskwave.phy.coding.transport_code import TransportCode
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.links.harq import HarqLink
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio

NUM_SYMBOLS = 432


def octets(count: int, size: int, seed: int = 1) -> list[bytes]:
    drawn = torch.randint(0, 256, (count, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return [row.numpy().tobytes() for row in drawn]


# Block bits, base graph, lifting size (TS 38.212 table 5.3.2-1), starts in table 5.4.2.1-2 less the filler bits passed.
STARTS = [
    (8448, "bg1", [0, 17 * 384, 33 * 384, 56 * 384]),
    (3840, "bg2", [0, 13 * 384, 25 * 384, 43 * 384]),
    # 22 Z - k = 64 fillers with Z = 192; rv 1 starts before them.
    (4160, "bg1", [0, 17 * 192, 33 * 192 - 64, 56 * 192 - 64]),
    # Six information columns only: 10 Z - k = 130 fillers with Z = 30.
    (170, "bg2", [0, 13 * 30 - 130, 25 * 30 - 130, 43 * 30 - 130]),
]


@pytest.mark.parametrize(("block_bits", "graph", "starts"), STARTS)
def test_redundancy_versions_start_where_the_standard_says(block_bits: int, graph: str, starts: list[int]) -> None:
    code = BlockCode(block_bits, graph, 2)
    assert [code.start(rv) for rv in range(4)] == starts


@pytest.mark.parametrize(("block_bits", "graph"), [(k, graph) for k, graph, _ in STARTS] + [(24, "bg2"), (1000, "bg1")])
@pytest.mark.parametrize("order", [2, 6])
def test_rate_matched_bits_are_those_of_sionna(block_bits: int, graph: str, order: int) -> None:
    from sionna.phy.fec.ldpc import LDPC5GEncoder  # noqa: PLC0415 - slow to import

    code, coded_bits = BlockCode(block_bits, graph, order), 2 * block_bits // order * order
    reference = LDPC5GEncoder(block_bits, coded_bits, num_bits_per_symbol=order, bg=graph, device="cpu")
    bits = torch.randint(0, 2, (3, block_bits), generator=torch.Generator().manual_seed(1)).float()
    buffer = code.encode(bits)
    for rv in range(4):
        assert torch.equal(buffer[:, code.positions(BufferWindow(coded_bits, rv))], reference(bits, rv=[rv])[:, 0])


def test_the_buffer_is_read_round_and_round() -> None:
    code = BlockCode(100, "bg2", 2)
    positions = code.positions(BufferWindow(2 * code.buffer_bits, 0))
    assert positions.bincount().tolist() == [2] * code.buffer_bits


def block_errors(versions: Sequence[int], es_n0_db: float, blocks: int, index: int = 14) -> int:
    """Count lost blocks of which `versions`, each 432 symbols in AWGN with its own noise, share one soft buffer."""
    from taskwave.phy.coding.modulation import Modulation  # noqa: PLC0415 - with the chain it belongs to

    scheme, no = mcs(index), 10 ** (-es_n0_db / 10)
    order, modulation = scheme.modulation_order, Modulation(scheme.modulation_order)
    segmentation = segment(1552 - 16 if index == 14 else 504 - 16, NUM_SYMBOLS * order, order, scheme.code_rate)
    assert segmentation is not None
    code, seed = TransportCode(order), torch.Generator().manual_seed(7)
    bits = torch.randint(0, 2, (blocks, segmentation.payload_bits), generator=seed).float()
    buffers, soft = code.encode(bits, segmentation), code.empty(blocks, segmentation)
    for rv in versions:
        symbols = modulation.map(code.match(buffers, segmentation, rv))
        received = symbols + math.sqrt(no) * torch.randn(symbols.shape, generator=seed, dtype=torch.complex64)
        llr = modulation.llr(received, torch.full(received.shape, no))
        soft = code.gather(soft, torch.arange(blocks), llr, segmentation, rv)
    return int((~code.decode(soft, segmentation)[1]).sum())


def test_two_copies_are_worth_three_decibels(assert_same_rate) -> None:
    """Chase combining of QPSK is maximum-ratio combining (Chase 1985): exactly twice the energy."""
    once, twice = block_errors([0], 1.9, 400, 4), block_errors([0, 0], 1.9 - 10 * math.log10(2), 400, 4)
    assert_same_rate(once, 400, twice, 400)
    with pytest.raises(AssertionError):
        assert_same_rate(once, 400, block_errors([0, 0], 1.4 - 10 * math.log10(2), 400, 4), 400)


def test_incremental_redundancy_beats_repetition_as_its_code_rate_promises() -> None:
    """64-QAM of rate 0.6: both double the energy, new parity lowers the rate to 0.3 besides.

    By the information that 64-QAM keeps (BICM), 1.80 bits a symbol need 5.0 dB; two copies, 3.59 bits at twice the
    SNR, need 8.4 dB.
    """
    assert block_errors([0, 2], 7.2, 30) == 0
    assert block_errors([0, 0], 7.2, 30) == 30
    assert block_errors([0, 2], 4.5, 30) == 30


def test_a_retransmission_alone_can_be_enough() -> None:
    """Versions 0 and 3 can be decoded by themselves (TS 38.214 asks for it), here one whose first part was missed."""
    assert block_errors([3], 13.5, 30) < 5


def test_one_transmission_is_the_transport_link(interface, radio: Radio) -> None:
    harq, plain, air = HarqLink(radio, mcs(11)), TransportLink(radio, mcs(11)), interface(radio, 40, 12.0, occasions=4)
    payloads = octets(40, plain.payload_bytes(400))
    one, other = harq.send(payloads, [400], air), plain.send(payloads, 400, air.forward(0))
    assert one.payloads == other.payloads
    assert 0 < sum(p is None for p in one.payloads) < 40
    assert set(one.channel_uses.tolist()) == {other.channel_uses}
    assert not bool(one.feedback_uses.any())


def test_what_fails_is_sent_again_and_everything_is_counted(interface, radio: Radio) -> None:
    link, air = HarqLink(radio, mcs(11)), interface(radio, 60, 10.0, occasions=4)
    size = link.payload_bytes(400)
    payloads, lengths = octets(60, size), [400, 150, 150]
    whole = link.send(payloads, lengths, air)
    first = link.send(payloads, lengths[:1], air)
    assert all(got in (None, sent) for got, sent in zip(whole.payloads, payloads, strict=True))
    arrived = [[p is not None for p in r.payloads] for r in (first, whole)]
    assert all(late or not early for early, late in zip(*arrived, strict=True))
    assert sum(arrived[0]) + 5 < sum(arrived[1])
    assert set(whole.transmissions.tolist()) == {1, 2, 3}
    answer = link.feedback.channel_uses(1, air.reverse(0))
    occupied = [link.symbol_link.channel_uses(link.symbol_link.capacity(length)) for length in lengths]
    for count, uses, feedback in zip(whole.transmissions, whole.channel_uses, whole.feedback_uses, strict=True):
        assert feedback == answer * min(count, 2)
        assert uses == sum(occupied[:count]) + feedback


def test_a_block_does_not_depend_on_the_others(interface, radio: Radio) -> None:
    link, air = HarqLink(radio, mcs(11)), interface(radio, 20, 7.0, occasions=4)
    payloads, lengths = octets(20, link.payload_bytes(400)), [400, 200, 200]
    whole = link.send(payloads, lengths, air)
    part = link.send(payloads[5:9], lengths, air.select(slice(5, 9)))
    assert part.payloads == whole.payloads[5:9]
    assert torch.equal(part.transmissions, whole.transmissions[5:9])


def test_retransmissions_lower_the_error_rate_and_cost_less_the_better_the_channel(interface, radio: Radio) -> None:
    link = HarqLink(radio, mcs(5))
    payloads, before = octets(30, link.payload_bytes(300)), (0, math.inf)
    for es_n0_db in (-2.0, 3.0, 8.0, 13.0):
        reception = link.send(payloads, [300] * 4, interface(radio, 30, es_n0_db, occasions=4))
        now = sum(p is not None for p in reception.payloads), float(reception.channel_uses.float().mean())
        assert now[0] >= before[0]
        assert now[1] < before[1]
        before = now
    assert before[0] == 30


class Reversed(FrequencyDomain):
    """Turns every acknowledgement into its opposite, or does not detect any."""

    def __init__(self, detected: bool) -> None:
        self._detected = detected

    def carry(
        self, allocations: Sequence[Allocation], grids: Sequence[torch.Tensor], air: Air, stream: Stream
    ) -> list[SlotSignal]:
        if air.direction == "forward":
            return super().carry(allocations, grids, air, stream)
        turned = []
        for a, grid in zip(allocations, grids, strict=True):
            sign = torch.ones(a.num_ofdm_symbols, 1)
            sign[list(a.data_ofdm_symbols)] = -1
            turned.append(grid * sign)
        signals = super().carry(allocations, turned, air, stream)
        return [replace(s, lost=torch.full((air.batch,), not self._detected)) for s in signals]


def test_misunderstood_feedback_costs_what_it_costs(interface) -> None:
    radio = Radio(RadioConfig(channel="awgn", num_layers=1))
    link, payloads = HarqLink(radio, mcs(4)), octets(2, HarqLink(radio, mcs(4)).payload_bytes(300))
    weak, strong = interface(radio, 2, -6.0, occasions=4), interface(radio, 2, 20.0, occasions=4)
    assert link.send(payloads, [300] * 4, weak).payloads == payloads, "retransmissions would have been enough"
    radio.medium = Reversed(detected=True)
    lost = link.send(payloads, [300] * 4, weak)
    assert lost.payloads == [None, None], "a NACK was taken for an ACK"
    assert lost.transmissions.tolist() == [1, 1]
    wasted = link.send(payloads, [300] * 4, strong)
    assert wasted.payloads == payloads
    assert wasted.transmissions.tolist() == [4, 4], "an ACK was taken for a NACK"
    radio.medium = Reversed(detected=False)
    unheard = link.send(payloads, [300] * 4, strong)
    assert unheard.payloads == payloads
    assert unheard.transmissions.tolist() == [4, 4], "silence is not an ACK"


def test_airtime_is_messages_and_turnarounds(interface, clear_radio: Radio) -> None:
    """Every answer and what follows it start a turnaround after what came before."""
    link, turnaround = HarqLink(clear_radio, mcs(4)), clear_radio.config.turnaround_slots
    payloads = octets(1, link.payload_bytes(300))
    (early,) = link.send(payloads, [300] * 3, interface(clear_radio, 1, 20.0, occasions=3)).slots.tolist()
    assert early == 1 + turnaround + 1
    late = link.send(payloads, [300] * 3, interface(clear_radio, 1, -15.0, occasions=3))
    assert late.transmissions.tolist() == [3]
    assert late.slots.tolist() == [5 + 4 * turnaround]
    assert link.send(payloads, [300], interface(clear_radio, 1, 20.0)).slots.tolist() == [1]


def test_the_channel_ages_between_transmissions(interface) -> None:
    """At 30 m/s retransmissions meet another channel: blocks in a fade are saved that stay lost in a still one."""
    lost = {}
    for speed in (0.0, 30.0):
        moving = Radio(RadioConfig(channel="tdl-a", num_tx_ant=1, num_rx_ant=1, num_layers=1, speed_mps=speed))
        link = HarqLink(moving, mcs(4))
        payloads = octets(100, link.payload_bytes(300))
        reception = link.send(payloads, [300] * 4, interface(moving, 100, 2.0, occasions=4))
        lost[speed] = sum(p is None for p in reception.payloads)
    assert lost[30.0] < lost[0.0] - 4


@pytest.mark.parametrize("lengths", [[], [300] * 5, [300, 10], [10]])
def test_impossible_lengths_are_refused(interface, clear_radio: Radio, lengths: list[int]) -> None:
    link = HarqLink(clear_radio, mcs(4))
    with pytest.raises(ValueError, match=r"not possible|carries no symbol|do not fit"):
        link.send([b"a"], lengths, interface(clear_radio, 1, 10.0, occasions=4))


def test_payloads_that_do_not_fit_are_refused(interface, clear_radio: Radio) -> None:
    link = HarqLink(clear_radio, mcs(4))
    for payloads in ([bytes(link.payload_bytes(300) + 1)], [b"a", b"b"]):
        with pytest.raises(ValueError, match="do not fit: 300 channel uses"):
            link.send(payloads, [300], interface(clear_radio, 1, 10.0, occasions=4))
