"""Words of one to six bits on the reverse link: codes, cost, error rates and what the transmitter makes of them."""

import math

import pytest
import torch

from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.uci import UciLink, codewords
from taskwave.phy.radio import Radio


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="cdl-c"))


def words(batch: int, count: int) -> torch.Tensor:
    return torch.randint(0, 2, (batch, count), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_the_code_is_first_order_reed_muller() -> None:
    """TS 38.212 table 5.3.3.3-1, columns 0 to 5: weights 0, 16 (62 times) and 32, as RM(1, 5) has."""
    weights = codewords(6).sum(1).bincount()
    assert {i: int(n) for i, n in enumerate(weights) if n} == {0: 1, 16: 62, 32: 1}
    # First and last rows of the table: 11000 0, 11100 0, …, 11111 1, 10000 0.
    rows = codewords(6)[[1 << j for j in range(6)]].T.tolist()
    assert rows[0] == [1, 1, 0, 0, 0, 0]
    assert rows[1] == [1, 1, 1, 0, 0, 0]
    assert rows[30:] == [[1] * 6, [1, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("count", [1, 3, 4, 6])
def test_words_arrive(interface, radio: Radio, count: int) -> None:
    link, air, sent = UciLink(radio), interface(radio, 40, 25.0).reverse(0), words(40, count)
    reception = link.send(sent, air)
    assert torch.equal(reception.bits, sent)
    assert reception.channel_uses == link.channel_uses(count, air) == 24


def test_one_bit_has_the_error_rate_of_antipodal_signals(interface) -> None:
    """Q(sqrt(2 E / no)), E the energy of all its symbols: 144 at -22 dB per antenna."""
    radio = Radio(RadioConfig(channel="awgn", csi="perfect", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    link, sent = UciLink(radio), words(3000, 1)
    air = interface(radio, 3000, -22.0).reverse(0)
    symbols = link.symbol_link.capacity(link.channel_uses(1, air))
    p = math.erfc(math.sqrt(symbols * 10**-2.2)) / 2
    errors = int((link.send(sent, air).bits != sent).sum())
    assert 3000 * p >= 100
    assert abs(errors - 3000 * p) <= 5 * math.sqrt(3000 * p * (1 - p)) + 1


def test_the_length_follows_the_mean_snr(interface, radio: Radio) -> None:
    link = UciLink(radio)
    for count in (1, 4):
        costs = [link.channel_uses(count, interface(radio, 1, db).reverse(0)) for db in (-30, -10, -5, 0, 10, 30)]
        assert costs == sorted(costs, reverse=True)
        assert costs[0] <= 168, "no longer than a slot of one PRB"
        assert costs[-1] == 24


def test_acknowledgements_err_on_the_side_of_sending_again(interface, radio: Radio) -> None:
    link, truth = UciLink(radio), torch.arange(600) % 2 == 0
    understood, answer = link.acknowledge(truth, interface(radio, 600, -3.0).reverse(0))
    wrong_ack, wrong_nack = int(understood[~truth].sum()), int((~understood[truth]).sum())
    # One NACK in a thousand is allowed to be taken for an ACK: 5 sigma above 0.3 of 300.
    assert wrong_ack <= 0.3 + 5 * 0.3**0.5 + 1
    assert wrong_ack < wrong_nack < 30
    assert answer.channel_uses == link.channel_uses(1, interface(radio, 1, -3.0).reverse(0))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (words(2, 4), r"must be \[1, k\]"),
        (words(1, 2), "2 bits has no code"),
        (words(1, 7), "7 bits has no code"),
    ],
)
def test_impossible_words_are_refused(interface, radio: Radio, word: torch.Tensor, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        UciLink(radio).send(word, interface(radio, 1, 10.0).reverse(0))


def test_control_information_goes_backward_only(interface, radio: Radio) -> None:
    with pytest.raises(ValueError, match=r"use AirInterface.reverse"):
        UciLink(radio).send(words(1, 1), interface(radio, 1, 10.0).forward(0))
