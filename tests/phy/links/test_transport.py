"""Transport blocks: sizes, coding round trips, erasures, and signals that the receiver really uses."""

import math
from typing import Any

import pytest
import torch

from taskwave.phy.coding.mcs import Mcs, McsTable, mcs, mcs_ladder, mcs_table
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.coding.transport_block import Crc, largest_payload_bytes, segment
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio


def octets(count: int, size: int, seed: int = 1) -> list[bytes]:
    drawn = torch.randint(0, 256, (count, size), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    return [row.numpy().tobytes() for row in drawn]


@pytest.mark.parametrize(("table", "number"), [("qam64", 1), ("qam256", 2), ("qam64-low-se", 3)])
def test_mcs_tables_are_those_of_the_standard(table: McsTable, number: int) -> None:
    from sionna.phy.nr.utils import decode_mcs_index  # noqa: PLC0415 - slow to import

    for scheme in mcs_table(table):
        order, rate = decode_mcs_index(scheme.index, table_index=number, is_pusch=False)
        assert (scheme.modulation_order, scheme.code_rate) == (int(order), pytest.approx(float(rate)))
    assert len(mcs_table(table)) == {"qam64": 29, "qam256": 28, "qam64-low-se": 29}[table]


@pytest.mark.parametrize("index", [-1, 28])
def test_schemes_that_do_not_exist_are_refused(index: int) -> None:
    with pytest.raises(ValueError, match=f"MCS index {index} does not exist in table qam256: use 0 to 27"):
        mcs(index)


def test_tables_that_do_not_exist_are_refused() -> None:
    table: Any = "qam1024"
    with pytest.raises(ValueError, match="MCS table 'qam1024' does not exist: use one of qam64, qam256"):
        mcs_table(table)


def test_a_scheme_is_found_by_its_index() -> None:
    assert tuple(mcs(index) for index in range(28)) == mcs_table("qam256")


@pytest.mark.parametrize("name", ["CRC16", "CRC24A", "CRC24B"])
@pytest.mark.parametrize("k", [8, 100, 2000])
def test_crc_is_that_of_sionna(name: str, k: int) -> None:
    from sionna.phy.fec.crc import CRCEncoder  # noqa: PLC0415 - slow to import

    crc = Crc(name)
    bits = torch.randint(0, 2, (20, k), generator=torch.Generator().manual_seed(1)).float()
    attached = crc.attach(bits)
    assert torch.equal(attached, CRCEncoder(name, device="cpu")(bits))
    assert bool(crc.check(attached).all())
    burst = attached.clone()
    burst[:, k // 2 : k // 2 + 10] = 1 - burst[:, k // 2 : k // 2 + 10]
    assert not bool(crc.check(burst).any())


@pytest.mark.parametrize("scheme", mcs_table("qam64")[::4] + mcs_table("qam256")[-1:], ids=lambda m: f"{m.index}")
def test_payloads_use_the_code_rate_and_no_more(scheme: Mcs) -> None:
    order, rate = scheme.modulation_order, scheme.code_rate
    for symbols in [*range(24, 1000, 37), 5000, 20_000, 60_001]:
        coded_bits = symbols * order
        size = largest_payload_bytes(coded_bits, order, rate)
        if size == 0:
            assert coded_bits * rate < 24 + 1  # one byte and its CRC
            continue
        segmentation = segment(8 * size, coded_bits, order, rate)
        assert segmentation is not None
        assert sum(segmentation.coded) == coded_bits
        assert all(n % order == 0 for n in segmentation.coded)
        assert max(segmentation.coded) - min(segmentation.coded) <= order
        assert segmentation.block_bits <= {"bg1": 8448, "bg2": 3840}[segmentation.graph]
        assert segmentation.block_bits <= rate * min(segmentation.coded)
        # Not more than CRCs, rounding to bytes and to equal blocks are lost.
        lost = coded_bits * rate - 8 * size
        assert (
            0
            < lost
            <= 24
            + 24 * segmentation.num_blocks
            + 8 * segmentation.num_blocks
            + rate * order * segmentation.num_blocks
            + 8
        )


@pytest.mark.parametrize("index", [0, 4, 10, 19, 27])
def test_channel_uses_inverts_payload_bytes(radio: Radio, index: int) -> None:
    link = TransportLink(radio, mcs(index))
    previous = 0
    for uses in range(0, 3000, 131):
        size = link.payload_bytes(uses)
        assert size >= previous
        if size > previous:
            needed = link.channel_uses(size)
            assert needed <= uses
            assert link.payload_bytes(needed) >= size
            assert link.payload_bytes(needed - 1) < size
        previous = size


@pytest.mark.parametrize("index", range(28))
def test_every_scheme_carries_what_it_promises(interface, radio: Radio, index: int) -> None:
    link, air = TransportLink(radio, mcs(index)), interface(radio, 3, 60.0)
    for uses in (600, 1237):
        size = link.payload_bytes(uses)
        reception = link.send(octets(3, size), uses, air.forward(0))
        assert reception.payloads == octets(3, size)
        assert reception.channel_uses <= uses
        assert link.payload_bytes(reception.channel_uses) == size


@pytest.mark.parametrize(("index", "uses"), [(0, 9000), (9, 9000), (27, 3000)])
def test_long_payloads_are_segmented(interface, radio: Radio, index: int, uses: int) -> None:
    link = TransportLink(radio, mcs(index))
    size = link.payload_bytes(uses)
    symbols = link.symbol_link.capacity(uses)
    segmentation = segment(8 * size, symbols * link.mcs.modulation_order, link.mcs.modulation_order, link.mcs.code_rate)
    assert segmentation is not None
    assert segmentation.num_blocks > 1 or index == 0
    assert link.send(octets(2, size), uses, interface(radio, 2, 60.0).forward(0)).payloads == octets(2, size)


def test_short_payloads_are_padded_with_zeros(interface, clear_radio: Radio) -> None:
    link = TransportLink(clear_radio, mcs(3))
    size = link.payload_bytes(500)
    received = link.send([b"", b"ab", b"\0" * size], 500, interface(clear_radio, 3, 30.0).forward(0)).payloads
    assert received == [b"\0" * size, b"ab".ljust(size, b"\0"), b"\0" * size]


def test_each_image_is_a_block_of_its_own(interface, radio: Radio) -> None:
    link, air = TransportLink(radio, mcs(11)), interface(radio, 40, 12.0)
    payloads = octets(40, link.payload_bytes(400))
    received = link.send(payloads, 400, air.forward(0)).payloads
    erased = [p is None for p in received]
    assert 0 < sum(erased) < 40
    assert all(r in (None, p) for r, p in zip(received, payloads, strict=True))
    # One image alone, and all of them but one, fare exactly alike.
    some = erased.index(True)
    alone = link.send(payloads[some : some + 1], 400, air.select(slice(some, some + 1)).forward(0))
    assert alone.payloads == [None]
    kept = [i for i in range(40) if i != some]
    others = link.send([payloads[i] for i in kept], 400, air.select(torch.tensor(kept)).forward(0))
    assert others.payloads == [received[i] for i in kept]


def test_demapper_is_fed_the_noise_after_equalisation(interface, radio: Radio, monkeypatch: pytest.MonkeyPatch) -> None:
    signals: dict[str, torch.Tensor] = {}
    link = TransportLink(radio, mcs(11))
    payloads = octets(30, link.payload_bytes(800))
    monkeypatch.setattr(radio, "tap", signals.__setitem__)
    link.send(payloads, 800, interface(radio, 30, 14.0).forward(0))
    modulation = Modulation(link.mcs.modulation_order)
    right = modulation.llr(signals["constellation"], signals["noise_variance"])
    assert torch.equal(signals["llr"], right)
    before = modulation.llr(signals["constellation"], torch.full_like(signals["noise_variance"], 10**-1.4))
    assert not torch.allclose(before, right, rtol=0.1)


def llr_calibration(llr: torch.Tensor, sent: torch.Tensor) -> tuple[float, float]:
    """(observed errors of hard decisions, errors that the logits expect)."""
    return float(((llr > 0) != sent.bool()).sum()), float(torch.sigmoid(-llr.abs()).sum())


def test_logits_are_calibrated_and_with_no_they_would_not_be(interface, radio: Radio) -> None:
    link, air = TransportLink(radio, mcs(8)).symbol_link, interface(radio, 200, 12.0)
    modulation = Modulation(4)
    bits = torch.randint(0, 2, (200, 4 * 240), generator=torch.Generator().manual_seed(1))
    received = link.send(modulation.map(bits), air.forward(0))
    observed, expected = llr_calibration(modulation.llr(received.symbols, received.noise_variance), bits)
    assert abs(observed / expected - 1) < 0.1
    wrong = torch.full_like(received.noise_variance, 10**-1.2)
    observed, expected = llr_calibration(modulation.llr(received.symbols, wrong), bits)
    assert observed > 1.5 * expected


def test_symbols_have_unit_energy_whatever_the_payload(
    interface, clear_radio: Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, signals = TransportLink(clear_radio, mcs(19)), dict[str, torch.Tensor]()
    size = link.payload_bytes(2000)
    monkeypatch.setattr(clear_radio, "tap", signals.__setitem__)
    link.send([b"\0" * size], 2000, interface(clear_radio, 1, 90.0).forward(0))
    energy = signals["constellation"].abs().square()
    assert abs(float(energy.mean()) - 1) <= 5 * float(energy.std()) / math.sqrt(energy.numel())


@pytest.mark.parametrize(
    ("payloads", "uses", "message"),
    [
        ([b"a"], 12, "channel_uses 12 cannot carry a single byte with MCS 3: the smallest message occupies"),
        ([b"a" * 400], 500, "payloads of up to 400 bytes do not fit: 500 channel uses carry"),
        ([b"a", b"b"], 500, "each of the 1 images"),
        ([b"a"], -1, "cannot be negative"),
    ],
)
def test_impossible_payloads_are_refused(
    interface, clear_radio: Radio, payloads: list[bytes], uses: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TransportLink(clear_radio, mcs(3)).send(payloads, uses, interface(clear_radio, 1, 10.0).forward(0))


@pytest.mark.parametrize("num_bytes", [0, 10**7])
def test_impossible_sizes_are_refused(clear_radio: Radio, num_bytes: int) -> None:
    with pytest.raises(ValueError, match="the longest message carries"):
        TransportLink(clear_radio, mcs(3)).channel_uses(num_bytes)


def test_links_choose_from_all_rates_by_rising_efficiency() -> None:
    ladder = mcs_ladder()
    efficiency = [scheme.modulation_order * scheme.code_rate for scheme in ladder]
    assert efficiency == sorted(efficiency) and len(set(efficiency)) == len(ladder) == 34
    assert efficiency[0] == 60 / 1024 and ladder[6:] == mcs_table("qam256")
