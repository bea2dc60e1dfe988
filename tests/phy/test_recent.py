"""Tests of the cache: it returns the values that would be computed anew, and keeps no more than its limit."""

import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.grid.allocation import Allocation
from taskwave.phy.radio import Radio
from taskwave.phy.recent import Recent


def test_responses_and_noise_are_those_of_a_fresh_draw() -> None:
    """Requests for other directions, occasions, slots, allocations, images and seeds before do not change a value."""
    radio = Radio(RadioConfig(channel="tdl-c", num_tx_ant=2, num_rx_ant=2, max_prb=4, max_slots=2))
    used = radio.draw(4, 2, 3)
    every = [
        (seed, rows, occasion, way, slot, symbols, layers)
        for seed in (1, 2) for rows in ([0, 1, 3], [2, 1, 0]) for occasion in (0, 1) for way in ("forward", "reverse")
        for slot in (0, 1) for symbols in (2, 14) for layers in (1, 2)
    ]  # fmt: skip
    for es_n0_db in (0.0, 10.0):
        for seed, rows, occasion, way, slot, symbols, layers in every:
            allocation = Allocation(3, symbols, layers, (0,))
            answers = []
            for fading in (used, radio.draw(4, 2, 3)):
                air = getattr(AirInterface(radio.config, fading, es_n0_db, seed, torch.tensor(rows)), way)(occasion)
                noise = [air.noise((2, symbols, 36), slot, stream) for stream in ("data", "control")]
                answers.append([air.frequency_response(allocation, slot), *noise])
            assert all(torch.equal(a, b) for a, b in zip(*answers, strict=True))


def test_least_recently_used_goes_first() -> None:
    made: list[str] = []

    def ask(recent: Recent[torch.Tensor], key: str, size: int = 10) -> None:
        assert len(recent.get(key, lambda: (made.append(key), torch.zeros(size))[1])) == size

    recent = Recent(100, lambda tensor: tensor.nbytes)  # two tensors of ten float32, not three
    for key in "abacab":
        ask(recent, key)
    assert "".join(made) == "abcb", "c drove out b, not a, which had been used since"
    made.clear()
    ask(recent, "large", 26)
    ask(recent, "large", 26)
    ask(recent, "a")
    assert made == ["large", "large"], "too large to keep, and nothing had to go for it"
