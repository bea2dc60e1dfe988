"""Windows: where they lie, that what is cut comes back, headers that name them, and plans of messages."""

import pytest
import torch

from taskwave.links.task_adaptive.header import COPIES, GAIN, MOST_WINDOWS, Header, HeaderCode
from taskwave.links.task_adaptive.plan import Portion, enough, rest
from taskwave.semantic.codec.placement import FEATHER, SIDES, Window, around, tiles
from taskwave.semantic.codec.windows import NUMBERS, SNR_DB, WindowCode

SIZE = (336, 448)


def test_a_window_at_full_scale_comes_back_and_changes_nothing_else(street_images: torch.Tensor) -> None:
    window, grey = Window(8, 12, 8, 8), torch.full_like(street_images, 0.5)
    pasted = window.paste(grey, window.cut(street_images))
    inner = (..., slice(32 + FEATHER, 64 - FEATHER), slice(48 + FEATHER, 80 - FEATHER))
    assert torch.allclose(pasted[inner], street_images[inner], atol=1e-6)
    outside = torch.ones(192, 256, dtype=torch.bool)
    outside[32:64, 48:80] = False
    assert bool((pasted[..., outside] == 0.5).all())
    assert bool((grey == 0.5).all()), "the picture before is not changed"


def test_a_window_fades_into_its_neighbours_but_not_at_the_border_of_the_image() -> None:
    black, white = torch.zeros(1, 3, 96, 128), torch.ones(1, 3, 32, 32)
    inner, corner, last = (Window(*place, 8, 8).paste(black, white)[0, 0] for place in ((8, 12), (0, 0), (16, 24)))
    profile = inner[48, 48:80]
    assert bool((profile[: FEATHER + 1].diff() > 0).all()) and float(profile[0]) == 0.5 / FEATHER
    assert bool((profile[FEATHER:-FEATHER] == 1).all())
    assert torch.allclose(profile, profile.flip(0)) and torch.allclose(profile, inner[32:64, 64])
    assert float(inner[32, 48]) < float(profile[0]), "a corner has neighbours on two sides"
    assert torch.allclose(corner[0, :32], torch.cat([torch.ones(16), profile[16:]]))
    assert torch.allclose(last[64:, 127], torch.cat([profile[:16], torch.ones(16)]))


@pytest.mark.parametrize("side", SIDES)
def test_a_constant_stays_constant_wherever_a_window_reaches(side: int) -> None:
    window, image = Window(40, 60, side, side), torch.full((1, 3, 200, 300), 0.25)
    pasted = window.paste(torch.rand(1, 3, 200, 300), window.cut(image))
    inside = pasted[..., 160 + FEATHER : 160 + 4 * side - FEATHER, 240 + FEATHER : 240 + 4 * side - FEATHER]
    assert torch.allclose(inside, torch.tensor(0.25))


@pytest.mark.parametrize("box", [(100, 60, 140, 100), (0, 0, 16, 16), (430, 320, 448, 336), (90, 90, 91, 91)])
def test_a_compact_box_is_held_by_one_window(box: tuple[float, float, float, float]) -> None:
    (window,) = around(box, SIZE)
    top, left, side = 4 * window.upper, 4 * window.left, 4 * window.height
    assert window.height == window.width and window.height in SIDES
    assert top <= box[1] and left <= box[0] and top + side >= box[3] and left + side >= box[2]


@pytest.mark.parametrize(
    ("box", "count"), [((100, 20, 140, 100), 2), ((20, 100, 140, 140), 3), ((20, 100, 80, 140), 1)]
)
def test_a_long_box_takes_windows_side_by_side(box: tuple[float, float, float, float], count: int) -> None:
    windows = around(box, SIZE)
    assert len(windows) == count
    held = torch.zeros(SIZE, dtype=torch.bool)
    for window in windows:
        held[
            4 * window.upper : 4 * (window.upper + window.height), 4 * window.left : 4 * (window.left + window.width)
        ] = True
    assert bool(held[box[1] : box[3], box[0] : box[2]].all())


def test_points_lie_in_the_window_that_holds_them() -> None:
    """A point on the line between two windows lies in one of them."""
    points = torch.tensor([[48.0, 32.0], [79.9, 63.9], [80.0, 40.0], [47.9, 40.0], [60.0, 64.0], [60.0, 31.9]])
    assert Window(8, 12, 8, 8).holds(points).tolist() == [True, True, False, False, False, False]
    assert Window(8, 20, 8, 8).holds(points).tolist() == [False, False, True, False, False, False]
    assert Window(8, 12, 8, 8).holds(torch.zeros(0, 2)).shape == (0,)


@pytest.mark.parametrize("size", [(336, 448), (91, 125), (16, 16), (600, 33)])
@pytest.mark.parametrize("grid", [(1, 1), (2, 3), (5, 7)])
def test_tiles_cover_the_image(size: tuple[int, int], grid: tuple[int, int]) -> None:
    image = torch.full((1, 3, *size), 2.0)
    for window in tiles(*size, *grid):
        image = window.paste(image, torch.zeros(1, 3, 32, 32))
    assert bool((image < 2.0).all())


def test_headers_come_back() -> None:
    code, generator = HeaderCode(*SIZE), torch.Generator().manual_seed(0)

    def draw(limit: int) -> int:
        return int(torch.randint(limit, (), generator=generator))

    for count in [*range(MOST_WINDOWS + 1)] * 20:
        sides = [SIDES[draw(len(SIDES))] for _ in range(count)]
        windows = tuple(Window(draw(code.rows), draw(code.columns), side, side) for side in sides)
        header = Header(NUMBERS[draw(len(NUMBERS))], COPIES[draw(len(COPIES))], draw(32), windows)
        bits = code.encode(header)
        assert len(bits) == code.bits(count) and set(bits) <= {0, 1}
        assert code.decode(bits) == header


def test_a_header_that_names_no_place_of_the_image_is_none() -> None:
    code = HeaderCode(*SIZE)
    assert code.decode([1] * code.bits(1)) is None


@pytest.mark.parametrize("power", [0.03, 0.5, 1.0, 3.7, 20.0])
def test_gain_is_never_below_the_power_and_less_than_a_decibel_above(power: float) -> None:
    assert power <= float(GAIN.power(GAIN.encode(torch.tensor(power)))) < power * 10**0.1


@pytest.fixture
def code() -> WindowCode:
    """A code in which every symbol and decibel more is worth something."""
    net = WindowCode(widths=(8, 8, 8))
    numbers, snrs = (torch.linspace(0.2, 1, size) for size in net.worth.shape)
    net.worth.copy_(numbers[:, None] * snrs)
    return net


TWO = (Window(10, 10, 8, 8), Window(40, 40, 8, 8))


def test_never_more_symbols_than_there_are(code: WindowCode) -> None:
    spent = []
    for free in (40, 200, 900, 3000):
        portion = enough(TWO, free, 5.0, code)
        assert portion is not None and portion.symbols <= free
        spent.append(portion.symbols)
    assert spent == sorted(spent)
    assert enough(TWO, 31, 5.0, code) is None and enough((), 100, 5.0, code) is None


def test_what_is_good_enough_takes_the_fewest_symbols(code: WindowCode) -> None:
    code.worth.fill_(0.5)
    portion = enough(TWO, 3000, 5.0, code)
    assert portion is not None and (portion.number, portion.copies) == (min(NUMBERS), 1)
    code.worth[:, SNR_DB.index(16.0) :] = 1.0  # only what is heard at 16 dB is worth it: sixteen copies of 4 dB
    portion = enough(TWO, 3000, 4.0, code)
    assert portion is not None and portion.copies == 16


def test_what_is_left_shows_the_whole_image() -> None:
    assert rest(SIZE, 100, 192) is None
    few, many = rest(SIZE, 300, 192), rest(SIZE, 6000, 192)
    assert few is not None and many is not None
    assert len(few.windows) < len(many.windows) and many.number >= 64
    assert 250 < few.symbols <= 300 and 5500 < many.symbols <= 6000
    largest = rest((64, 64), 10**6, 192)
    assert largest is not None and largest.copies > 1 and isinstance(largest, Portion)
