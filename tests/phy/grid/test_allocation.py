"""Allocations: every occupied resource element is counted, none too many."""

import pytest

from taskwave.phy.grid.allocation import Allocator, dmrs_symbols


def brute_force(num_symbols: int, max_prb: int, layers: int, additional: int) -> int:
    """Fewest REs of one rectangle that carries `num_symbols`."""
    return min(
        12 * prb * n
        for prb in range(1, max_prb + 1)
        for n in range(2, 15)
        if 12 * prb * (n - len(dmrs_symbols(n, additional))) * layers >= num_symbols
    )


@pytest.mark.parametrize(("layers", "additional"), [(1, 0), (2, 1), (4, 3)])
def test_the_cheapest_rectangle_is_chosen(layers: int, additional: int) -> None:
    allocator = Allocator(layers, 20, 4, additional)
    for num_symbols in [1, 2, 11, 12, 13, 100, 500, 501, 999, allocator.full_slot.num_data_symbols]:
        assert allocator.channel_uses(num_symbols) == brute_force(num_symbols, 20, layers, additional)


def test_pilots_and_padding_are_counted() -> None:
    allocator = Allocator(1, 52, 1, 1)
    (allocation,) = allocator.allocate(1)
    assert (allocation.num_prb, allocation.num_ofdm_symbols, allocation.dmrs) == (1, 2, (0,))
    assert allocation.channel_uses == 24  # 12 pilots, 1 symbol, 11 of padding
    for num_symbols in (12, 100, 600, 7000):
        data_only = sum(12 * a.num_prb * len(a.data_ofdm_symbols) for a in allocator.allocate(num_symbols))
        assert allocator.channel_uses(num_symbols) > data_only >= num_symbols


def test_ties_go_to_the_widest_allocation() -> None:
    # 144 symbols fit 12 x 14 REs (two DMRS symbols) and 24 x 7 REs (one) alike: 168.
    (allocation,) = Allocator(1, 52, 1, 1).allocate(144)
    assert (allocation.num_prb, allocation.num_ofdm_symbols) == (2, 7)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_capacity_inverts_channel_uses(layers: int) -> None:
    allocator = Allocator(layers, 6, 3, 1)
    most = allocator.capacity(10**6)
    assert most == 3 * allocator.full_slot.num_data_symbols
    for num_symbols in range(1, most + 1, 7):
        uses = allocator.channel_uses(num_symbols)
        assert allocator.capacity(uses) >= num_symbols
        assert allocator.capacity(uses - 1) < num_symbols
    assert allocator.capacity(23) == 0
    assert allocator.channel_uses(0) == 0


def test_long_messages_take_several_slots() -> None:
    allocator = Allocator(2, 4, 3, 1)
    full = allocator.full_slot.num_data_symbols
    allocations = allocator.allocate(2 * full + 1)
    assert [a.num_data_symbols for a in allocations[:2]] == [full, full]
    assert allocations[2].channel_uses == 24
    assert len(allocator.allocate(2 * full)) == 2


@pytest.mark.parametrize(("num_symbols", "message"), [(0, "at least one"), (3 * 1152 + 1, "at most 3 slots")])
def test_impossible_messages_are_refused(num_symbols: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Allocator(2, 4, 3, 1).allocate(num_symbols)


def test_negative_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        Allocator(2, 4, 3, 1).capacity(-1)


def test_dmrs_positions_are_those_of_the_standard() -> None:
    from sionna.phy.nr import PUSCHConfig  # noqa: PLC0415 - slow to import

    config = PUSCHConfig()
    config.mapping_type = "B"
    for num_symbols in range(8, 15):
        for additional in range(4):
            config.symbol_allocation = [0, num_symbols]
            config.dmrs.additional_position = additional
            assert list(dmrs_symbols(num_symbols, additional)) == config.l_bar
    assert all(dmrs_symbols(n, 3) == (0,) for n in range(2, 8))
