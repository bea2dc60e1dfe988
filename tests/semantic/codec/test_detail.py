"""Detail: cells named in a few bits, their formats as symbols, power as a header field."""

import itertools
import math

import pytest
import torch

from taskwave.links.task_adaptive.plan import best_cells, choice_of, rank_of, spread_order
from taskwave.semantic.codec.detail import FORMATS, DetailFormat, GainCode, Holding, place, take

SHAPE = torch.Size((3, 16, 24, 32))
GRID = (6, 8)
CELLS = 48
LAYERS = (8, 16, 32)


@pytest.fixture
def latents() -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def symbols() -> torch.Tensor:
    reals = torch.randn(3, sum(LAYERS), *GRID, 2, generator=torch.Generator().manual_seed(1))
    return torch.view_as_complex(reals) / math.sqrt(2)


@pytest.mark.parametrize("count", [1, 2, 12, 24, 47, 48])
def test_choices_of_cells_have_numbers_and_come_back(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    for _ in range(5):
        chosen = torch.randperm(CELLS, generator=generator)[:count].sort().values.tolist()
        assert choice_of(rank_of(chosen), CELLS, count) == chosen


def test_numbers_of_choices_are_all_used_and_no_others_accepted() -> None:
    every = [list(c) for c in itertools.combinations(range(6), 3)]
    assert sorted(rank_of(chosen) for chosen in every) == list(range(20))
    with pytest.raises(ValueError, match="rank 20"):
        choice_of(20, 6, 3)


def test_best_cells_are_those_of_highest_score() -> None:
    scores = torch.rand(4, CELLS, generator=torch.Generator().manual_seed(1))
    first, second = best_cells(scores, [10, 6])
    for row, best, next_best in zip(scores, first, second, strict=True):
        left = torch.ones(CELLS, dtype=torch.bool)
        left[best], left[next_best] = False, False
        assert row[best].min() >= row[next_best].max() and row[next_best].min() >= row[left].max()
        assert best.tolist() == sorted(best.tolist()) and next_best.tolist() == sorted(next_best.tolist())


def test_every_beginning_of_the_spread_order_is_even() -> None:
    order = spread_order(*GRID)
    assert sorted(order.tolist()) == list(range(CELLS))
    for count in (12, 24):
        rows, columns = order[:count] // GRID[1], order[:count] % GRID[1]
        assert rows.bincount(minlength=6).max() <= count / 6 + 2
        assert columns.bincount(minlength=8).max() <= count / 8 + 2


def test_take_and_place_are_inverse(symbols: torch.Tensor) -> None:
    cells = best_cells(torch.rand(3, CELLS, generator=torch.Generator().manual_seed(2)), [7])[0]
    placed = place(take(symbols, cells), cells, GRID, 0)
    chosen = torch.zeros(3, CELLS, dtype=torch.bool).scatter_(1, cells, True).unflatten(1, GRID)
    assert torch.equal(placed, torch.where(chosen[:, None], symbols, 0))


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_packed_is_kept_where_it_belongs(
    form: DetailFormat, symbols: torch.Tensor, latents: torch.Tensor
) -> None:
    """Chosen cells arrive exactly, with the noise variance of their own scale and copies; nothing else changes."""
    cells = best_cells(torch.rand(3, CELLS, generator=torch.Generator().manual_seed(3)), [5])[0]
    grid = form.pack(symbols, latents, LAYERS)
    assert grid.shape == (3, form.symbols_per_cell(LAYERS), *GRID)
    held = Holding.empty(symbols, latents)
    message = take(grid, cells)
    noise = place(torch.full(message.shape, 0.1), cells, GRID, torch.inf)
    held = form.combine(held, place(message, cells, GRID, 0), noise, LAYERS)
    got_symbols, got_latents = held.symbol_noise.isfinite(), held.latent_noise.isfinite()
    torch.testing.assert_close(held.symbols[got_symbols], symbols[got_symbols])
    torch.testing.assert_close(held.latents[got_latents], latents[got_latents])
    assert int(got_latents.sum()) == 3 * 5 * 16 * form.numbers
    for noise, copies, size in zip(held.symbol_noise.split(LAYERS, 1), form.copies, LAYERS, strict=True):
        got = noise.isfinite()
        assert int(got.sum()) == (3 * 5 * size if copies else 0)
        torch.testing.assert_close(noise[got], torch.full_like(noise[got], 0.1 / max(copies, 1)))


def test_copies_are_combined_by_their_noise(symbols: torch.Tensor, latents: torch.Tensor) -> None:
    """What was held counts, too, and the reported variance is the variance of the error (maximum-ratio combining)."""
    symbols, latents = symbols.repeat(40, 1, 1, 1), latents.repeat(40, 1, 1, 1)
    generator = torch.Generator().manual_seed(5)

    def white(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator, dtype=torch.complex64)

    form = DetailFormat((3, 0, 0))
    sent = form.pack(symbols, latents, LAYERS)
    variance = 0.1 + torch.rand(sent.shape, generator=generator)
    first = slice(0, LAYERS[0])
    known = symbols[:, first] + white(symbols[:, first])
    held = Holding.empty(symbols, latents).with_general(known, torch.ones(known.shape))
    held = form.combine(held, sent + variance.sqrt() * white(sent), variance, LAYERS)
    ratio = (held.symbols - symbols)[:, first].abs().square() / held.symbol_noise[:, first]
    assert float(ratio.mean()) == pytest.approx(1, abs=5 / ratio.numel() ** 0.5)
    expected = 1 / (1 + (1 / variance).unflatten(1, (3, LAYERS[0])).sum(1))
    torch.testing.assert_close(held.symbol_noise[:, first], expected)


def test_reported_noise_of_tokens_is_the_noise_they_have() -> None:
    generator = torch.Generator().manual_seed(4)
    latents = torch.randn(40, 16, 24, 32, generator=generator)
    symbols = torch.zeros(40, sum(LAYERS), *GRID, dtype=torch.complex64)
    form = DetailFormat((0, 0, 0), 8)
    sent = form.pack(symbols, latents, LAYERS)
    assert float(sent.abs().square().mean()) == pytest.approx(1, abs=0.02)
    noisy = sent + 0.3 * torch.randn(sent.shape, generator=generator, dtype=torch.complex64)
    held = Holding.empty(symbols, latents)
    held = form.combine(held, noisy, torch.full(sent.shape, 0.09), LAYERS)
    error = (held.latents - latents)[:, :8].square().mean((0, 2, 3))
    torch.testing.assert_close(error, held.latent_noise[:, :8].mean((0, 2, 3)), rtol=0.03, atol=0)
    assert float(error[7] / error[0]) == pytest.approx(10**0.6, rel=0.05)


def test_holdings_do_not_change_and_take_the_rows_of_others(symbols: torch.Tensor, latents: torch.Tensor) -> None:
    empty = Holding.empty(symbols, latents)
    form = FORMATS[-1]
    message = form.pack(symbols, latents, LAYERS)
    full = form.combine(empty, message, torch.full(message.shape, 0.1), LAYERS)
    assert not bool(empty.symbol_noise.isfinite().any() or empty.latent_noise.isfinite().any())
    some = empty.replace({1: full.select(1)})
    assert some.symbol_noise[1].isfinite().any() and not bool(some.symbol_noise[[0, 2]].isfinite().any())
    assert torch.equal(some.latents[1], full.latents[1]) and empty.replace({}) is empty


def test_power_is_rounded_up_and_restored() -> None:
    code = GainCode()
    power = torch.tensor([0.3, 1.0, 2.2, 7.9])
    restored = code.power(code.encode(power))
    assert bool((restored >= power).all()) and bool((restored <= power * 10**0.026).all())


def test_an_odd_count_of_numbers_and_an_empty_format_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers is 3"):
        DetailFormat((1, 0, 0), 3)
    with pytest.raises(ValueError, match="must send something"):
        DetailFormat((0, 0, 0))
