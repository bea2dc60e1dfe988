"""Quantised components: indices come back from their bytes, which are as long as their bits, and errors are small."""

import pytest
import torch
from torch.nn import functional

from taskwave.semantic.codec.quantiser import (
    MOST,
    SNR_DB,
    bits,
    from_bytes,
    refined_bits,
    refined_from_bytes,
    refined_to_bytes,
    restored,
    scaled,
    to_bytes,
)
from taskwave.semantic.codec.windows import ANYTHING, KINDS, SIGNS, STEPS, Question, WindowCode


def smooth(count: int, seed: int) -> torch.Tensor:
    """Random smooth windows [count, 3, 32, 32]."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    return functional.interpolate(coarse, (32, 32), mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.fixture(scope="module")
def code() -> WindowCode:
    torch.manual_seed(0)
    net = WindowCode(symbols=64, widths=(8, 8, 8)).eval()
    for kind in range(len(KINDS)):
        net.start_linear(smooth(400, kind), kind)
    return net.requires_grad_(False)


def usual(
    code: WindowCode, count: int, seed: int, steps: tuple[float, ...] = STEPS
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Indices of windows of mixed kinds and steps as they are distributed by the code, with steps and kinds."""
    generator = torch.Generator().manual_seed(seed)
    step = torch.tensor(steps)[torch.randint(len(steps), (count,), generator=generator)]
    kinds = torch.randint(len(KINDS), (count,), generator=generator)
    uniform = torch.rand(count, 2 * code.most, generator=generator) - 0.5
    laplace = -uniform.sign() * torch.log1p(-2 * uniform.abs()) * code.spread[kinds].exp()
    return (laplace / step[:, None]).round(), step, kinds


@pytest.mark.parametrize("count", [0, 1, 2, 5, 30])
def test_indices_come_back_whatever_zeros_follow(code: WindowCode, count: int) -> None:
    for seed in range(10):
        indices, step, kinds = usual(code, count, seed)
        coded = to_bytes(code, indices, step, kinds)
        for zeros in (0, 1, 2, 3, 4, 7, 50):
            assert torch.equal(from_bytes(code, coded + bytes(zeros), step, kinds), indices)


def test_indices_of_no_probability_come_back_too(code: WindowCode) -> None:
    step, kinds = torch.tensor([STEPS[0], STEPS[-1]]), torch.tensor([SIGNS, ANYTHING])
    indices = torch.randint(-200, 201, (2, 128), generator=torch.Generator().manual_seed(0)).float()
    assert torch.equal(from_bytes(code, to_bytes(code, indices, step, kinds), step, kinds), indices)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_bytes_are_as_long_as_their_bits(code: WindowCode, count: int) -> None:
    for seed in range(15):
        indices, step, kinds = usual(code, count, seed)
        expected = float(bits(code, indices, step, kinds).sum()) / 8
        assert abs(len(to_bytes(code, indices, step, kinds)) - expected) <= 2


@pytest.mark.parametrize("spread", [0.02, 0.3, 1.0, 8.0])
def test_probabilities_of_all_indices_sum_to_one(spread: float) -> None:
    """The number of bits of an index is that of an ideal code: its probability is 2 to the minus bits."""
    pair, steps = WindowCode(symbols=1, widths=(8, 8, 8)).requires_grad_(False), 0.5
    pair.spread.fill_(spread).log_()
    values = torch.arange(-150.0, 151)
    kinds = torch.full((len(values),), ANYTHING)
    indices = torch.stack([values, torch.zeros(len(values))], dim=1)
    taken = bits(pair, indices, torch.full((len(values),), steps), kinds).double()
    alone = taken - taken[len(values) // 2] / 2  # without the bits of the other component, which is zero
    assert float((2**-alone).sum()) == pytest.approx(1, abs=1e-4)


def test_bytes_of_nobody_are_indices_or_an_error_that_is_told(code: WindowCode) -> None:
    generator, refused = torch.Generator().manual_seed(0), 0
    for seed in range(300):
        _, step, kinds = usual(code, seed % 6, seed)
        length = int(torch.randint(120, (), generator=generator))
        garbage = bytes(torch.randint(256, (length,), generator=generator).tolist())
        try:
            assert from_bytes(code, garbage, step, kinds).shape == (len(kinds), 128)
        except ValueError:
            refused += 1
    assert refused < 150
    with pytest.raises(ValueError, match="8 bytes are no components of windows"):
        from_bytes(code, b"\xff" * 8, torch.tensor([STEPS[0]]), torch.tensor([SIGNS]))


@pytest.mark.parametrize("kind", [SIGNS, ANYTHING])
def test_the_error_is_that_of_a_uniform_quantiser(code: WindowCode, kind: int) -> None:
    """In pixels it has a variance of a twelfth of the squared step for components much larger than the step."""
    symbols = torch.randn(500, 64, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    step, kinds = torch.full((500,), 0.1), torch.full((500,), kind)
    components, gains = restored(code, scaled(code, symbols, step, kinds).round(), step, kinds)
    error = (components - torch.view_as_real(symbols).flatten(1) * 2**0.5) * code.deviation[kinds]
    large = code.deviation[kind] > 5 * 0.1
    assert int(large.sum()) > 20
    assert float(error[:, large].square().mean()) == pytest.approx(0.1**2 / 12, rel=0.02)
    lost = error.square().mean(0) / code.deviation[kind].square()
    torch.testing.assert_close(gains[0, large], 1 / (1 + lost[large]), atol=2e-3, rtol=0)


@pytest.mark.parametrize("kind", [SIGNS, ANYTHING])
def test_a_finer_step_costs_more_bits_and_shows_more(code: WindowCode, kind: int) -> None:
    windows, spent, errors = smooth(20, 2), [], []
    kinds, grey = torch.full((20,), kind), torch.full((20, 3, 32, 32), 0.5)
    for size in STEPS:
        step = torch.full((20,), size)
        question = Question(torch.zeros(20, 128), torch.full((20,), SNR_DB), kinds)
        indices = scaled(code, code.encode(windows, question), step, kinds).round()
        spent.append(float(bits(code, indices, step, kinds).mean()))
        shown = code.decode(*restored(code, indices, step, kinds), grey, question)
        errors.append(float((shown - windows).square().mean()))
    assert spent == sorted(spent) and errors == sorted(errors, reverse=True)
    assert spent[-1] > 2 * spent[0] and errors[-1] < 0.5 * errors[0]


@pytest.mark.parametrize("kind", [SIGNS, ANYTHING])
@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_black_and_white_come_back_at_the_finest_step(code: WindowCode, kind: int, grey: float) -> None:
    step, kinds = torch.tensor([STEPS[-1]]), torch.tensor([kind])
    question = Question(torch.zeros(1, 128), torch.full((1,), SNR_DB), kinds)
    flat = torch.full((1, 3, 32, 32), grey)
    indices = scaled(code, code.encode(flat, question), step, kinds).round()
    assert torch.equal(from_bytes(code, to_bytes(code, indices, step, kinds), step, kinds), indices)


def test_bytes_are_never_longer_than_planned(code: WindowCode) -> None:
    for seed in range(600):
        indices, step, kinds = usual(code, 1, seed)
        expected = float(bits(code, indices, step, kinds).sum()) / 8
        assert len(to_bytes(code, indices, step, kinds)) <= expected + 2, seed


def in_two(
    code: WindowCode, count: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
    """Fine and coarse indices of windows as they are distributed by the code, and fine steps and kinds."""
    fine, step, kinds = usual(code, count, seed, STEPS[2:])
    return fine, (fine / 3).round(), (step, kinds)


def test_every_second_step_is_a_third() -> None:
    """A coarse index says which three fine ones it may be, and fine ones say the coarse one."""
    assert all(coarse / fine == pytest.approx(3) for coarse, fine in zip(STEPS, STEPS[2:], strict=False))
    values = torch.linspace(-9, 9, 4001)
    assert torch.equal((values / STEPS[1]).round(), ((values / STEPS[3]).round() / 3).round())


@pytest.mark.parametrize("count", [1, 5, 30])
def test_what_comes_in_two_is_about_as_long_as_at_once(code: WindowCode, count: int) -> None:
    for seed in range(10):
        fine, coarse, (step, kinds) = in_two(code, count, seed)
        parts = to_bytes(code, coarse, 3 * step, kinds), refined_to_bytes(code, fine, coarse, step, kinds)
        assert abs(sum(map(len, parts)) - len(to_bytes(code, fine, step, kinds))) <= 3
        assert abs(len(parts[1]) - float(refined_bits(code, fine, coarse, step, kinds).sum()) / 8) <= 2


@pytest.mark.parametrize("count", [0, 1, 2, 5, 30])
def test_thirds_come_back_whatever_zeros_follow(code: WindowCode, count: int) -> None:
    """Also of indices that are not at all as the code expects them, so long as the coarse ones hold them."""
    generator = torch.Generator().manual_seed(0)
    for seed in range(10):
        likely, coarse, (step, kinds) = in_two(code, count, seed)
        shape = (count, 2 * code.most)
        wild = torch.randint(-MOST // 3, MOST // 3 + 1, shape, generator=generator).float()
        anywhere = 3 * wild + torch.randint(-1, 2, shape, generator=generator)
        for fine, about in ((likely, coarse), (anywhere, wild)):
            coded = refined_to_bytes(code, fine, about, step, kinds)
            for zeros in (0, 1, 3, 4, 50):
                assert torch.equal(refined_from_bytes(code, coded + bytes(zeros), about, step, kinds), fine)


def test_thirds_take_the_bits_that_fine_indices_take_more_than_coarse_ones(code: WindowCode) -> None:
    fine, coarse, (step, kinds) = in_two(code, 40, 0)
    more = bits(code, fine, step, kinds) - bits(code, coarse, 3 * step, kinds)
    taken = refined_bits(code, fine, coarse, step, kinds)
    assert float(taken.sum()) == pytest.approx(float(more.sum()), rel=0.01)
    torch.testing.assert_close(taken, more, rtol=0.01, atol=0.5)


def test_bytes_of_nobody_are_thirds_or_an_error_that_is_told(code: WindowCode) -> None:
    generator, refused = torch.Generator().manual_seed(0), 0
    for seed in range(100):
        _, coarse, (step, kinds) = in_two(code, 1 + seed % 5, seed)
        length = int(torch.randint(120, (), generator=generator))
        garbage = bytes(torch.randint(256, (length,), generator=generator).tolist())
        try:
            fine = refined_from_bytes(code, garbage, coarse, step, kinds)
            assert float((fine - 3 * coarse).abs().max()) <= 1
        except ValueError:
            refused += 1
    assert refused < 50
