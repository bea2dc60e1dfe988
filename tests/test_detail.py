"""Detail: positions in a few bits, tokens as symbols, power as a header field."""

import math

import pytest
import torch

from taskwave.semantic.detail import (
    DetailCode,
    GainCode,
    best_groups,
    decode_positions,
    encode_positions,
    group_mask,
    group_mean,
    position_bits,
    spread_order,
)

SHAPE = torch.Size((3, 16, 24, 32))
GROUPS = 192


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("count", [1, 2, 12, 96, 191, 192])
def test_positions_take_the_fewest_bits_and_come_back(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    for _ in range(5):
        chosen = torch.randperm(GROUPS, generator=generator)[:count].sort().values.tolist()
        bits = encode_positions(chosen, GROUPS)
        assert len(bits) == max(1, math.ceil(math.log2(math.comb(GROUPS, count))))
        assert decode_positions(bits, GROUPS, count) == chosen


def test_extreme_positions_are_the_first_and_last_ranks() -> None:
    assert set(encode_positions([0, 1, 2], GROUPS)) == {0}
    last = int("".join(map(str, encode_positions([189, 190, 191], GROUPS))), 2)
    assert last == math.comb(GROUPS, 3) - 1


def test_bits_that_name_no_choice_are_noticed() -> None:
    assert decode_positions([1] * position_bits(GROUPS, 3), GROUPS, 3) is None


def test_best_groups_are_those_of_highest_score() -> None:
    scores = torch.rand(4, GROUPS, generator=torch.Generator().manual_seed(1))
    chosen = best_groups(scores, 10)
    for row, picked in zip(scores, chosen, strict=True):
        left = torch.ones(GROUPS, dtype=torch.bool)
        left[picked] = False
        assert row[picked].min() >= row[left].max()
        assert picked.tolist() == sorted(picked.tolist())


def test_group_mean_and_mask_agree_on_geometry() -> None:
    score = torch.zeros(1, 24, 32)
    score[0, 4:6, 10:12] = 1
    groups = best_groups(group_mean(score), 1)
    assert torch.equal(group_mask(groups, 24, 32), score > 0)


def test_every_beginning_of_the_spread_order_is_even() -> None:
    order = spread_order(12, 16)
    assert sorted(order.tolist()) == list(range(GROUPS))
    for count in (16, 48, 96):
        quarters = torch.stack([order[:count] // 16 // 6, order[:count] % 16 // 8])
        share = torch.bincount(quarters[0] * 2 + quarters[1], minlength=4) / count
        assert share.min() > 0.15 and share.max() < 0.35


@pytest.mark.parametrize("numbers", [2, 8, 16])
def test_tokens_survive_a_clean_channel(latents: torch.Tensor, numbers: int) -> None:
    code = DetailCode(numbers, slope_db=-6)
    groups = best_groups(torch.rand(3, GROUPS, generator=torch.Generator().manual_seed(2)), 12)
    symbols = code.pack(latents, groups)
    assert symbols.shape == (3, code.num_symbols(12)) == (3, 12 * 4 * numbers // 2)
    power = symbols.abs().square().mean(1)
    sent = symbols / power.sqrt()[:, None]
    got, variance = code.unpack(sent, torch.full(sent.shape, 0.1), groups, power, SHAPE)
    mask = group_mask(groups, 24, 32)[:, None].expand(SHAPE).clone()
    mask[:, numbers:] = False
    assert torch.equal(variance.isfinite(), mask)
    torch.testing.assert_close(got[mask], latents[mask])


def test_reported_noise_variance_is_the_error_power() -> None:
    """Unequal protection, image power and the pairing of numbers all enter it."""
    generator = torch.Generator().manual_seed(3)
    latents = 1.7 * torch.randn(40, 16, 24, 32, generator=generator)
    code = DetailCode(8, slope_db=-9)
    groups = best_groups(torch.rand(40, GROUPS, generator=generator), 100)
    symbols = code.pack(latents, groups)
    power = symbols.abs().square().mean(1)
    no = 0.25
    noise = (no / 2) ** 0.5 * torch.view_as_complex(torch.randn(*symbols.shape, 2, generator=generator))
    received = symbols / power.sqrt()[:, None] + noise
    got, variance = code.unpack(received, torch.full(received.shape, no), groups, power, latents.shape)
    for channel in range(8):
        here = variance[:, channel].isfinite()
        measured = (got - latents)[:, channel][here].square().mean()
        assert measured / variance[:, channel][here].mean() == pytest.approx(1, abs=0.06)


def test_an_odd_number_of_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="numbers is 3"):
        DetailCode(3, 0.0)


def test_gain_code_never_exceeds_unit_power_and_is_tight() -> None:
    power = torch.logspace(-0.5, 0.9, 50)
    coded = GainCode().power(GainCode().encode(power))
    assert bool((coded >= power * (1 - 1e-6)).all())
    assert bool((coded <= power * 10 ** (0.0126)).all())
