"""What payloads of windows say in front of their components, and payloads that make no sense."""

from dataclasses import replace

import pytest
import torch

from taskwave.links.task_adaptive.content import (
    GRIDS,
    Again,
    Content,
    header_bytes,
    header_size,
    question_of,
    read_payload,
)
from taskwave.links.task_adaptive.header import MOST_WINDOWS, HeaderCode
from taskwave.links.task_adaptive.plan import grids
from taskwave.links.task_adaptive.state import Asked
from taskwave.semantic.codec.placement import SIDES, Window
from taskwave.semantic.codec.quantiser import SNR_DB
from taskwave.semantic.codec.windows import ANYTHING, SIGNS, STEPS

SIZE = (192, 256)


def draw(generator: torch.Generator, limit: int) -> int:
    return int(torch.randint(limit, (), generator=generator))


def bytes_of(generator: torch.Generator, length: int) -> bytes:
    return bytes(torch.randint(256, (length,), generator=generator).tolist())


def test_what_a_message_holds_comes_back() -> None:
    places, generator = HeaderCode(*SIZE), torch.Generator().manual_seed(0)
    for count in [*range(MOST_WINDOWS + 1)] * 20:
        sides = [SIDES[draw(generator, len(SIDES))] for _ in range(count)]
        windows = tuple(
            Window(draw(generator, places.rows), draw(generator, places.columns), side, side) for side in sides
        )
        content = Content(windows, draw(generator, len(STEPS)))
        if draw(generator, 3):
            grid = draw(generator, len(GRIDS))
            content = replace(content, grid=grid, tile_step=draw(generator, len(STEPS)))
        header, coded = header_bytes(content.bits(SIZE)), bytes_of(generator, 9)
        assert len(header) == header_size(SIZE, count) and 0 <= 8 * len(header) - len(content.bits(SIZE)) < 8
        assert read_payload(header + coded, SIZE) == (content, coded)


@pytest.mark.parametrize("rows", [(), (0,), (4,), (1, 3), tuple(range(MOST_WINDOWS))])
def test_which_windows_come_again_comes_back(rows: tuple[int, ...]) -> None:
    header = header_bytes(Again(rows).bits())
    assert len(header) == 1
    assert read_payload(header + b"\x07\0", SIZE) == (Again(rows), b"\x07\0")


def test_tilings_are_those_of_the_image() -> None:
    assert Content((), 0).tiles(SIZE) == ()
    tilings = [Content((), 0, grid).tiles(SIZE) for grid in range(len(GRIDS))]
    assert tilings == [grids(*SIZE)[columns - 2] for columns in GRIDS]
    assert [len({tile.left for tile in tiles}) for tiles in tilings[:2]] == [2, 4]


def test_payloads_that_make_no_sense_are_refused() -> None:
    places = HeaderCode(*SIZE)
    assert 2**places._place_bits > places.rows * places.columns
    beyond, no_step, no_grid = b"\x02" + b"\xff" * 8, b"\x60" + bytes(3), b"\x80\x03" + bytes(2)
    for payload in (beyond, no_step, no_grid):
        with pytest.raises(ValueError, match="names no windows of the image"):
            read_payload(payload, SIZE)
    for payload in (b"", b"\x02", b"\x0a\0\0"):
        with pytest.raises(ValueError, match="ends within its header"):
            read_payload(payload, SIZE)


def test_bytes_of_nobody_are_refused_or_name_windows_of_the_image() -> None:
    generator, places, refused = torch.Generator().manual_seed(1), HeaderCode(*SIZE), 0
    for length in [*range(40)] * 10:
        payload = bytes_of(generator, length)
        try:
            content, coded = read_payload(payload, SIZE)
        except ValueError:
            refused += 1
            continue
        assert payload.endswith(coded) and len(coded) < length
        if isinstance(content, Content):
            assert all(window.upper < places.rows and window.left < places.columns for window in content.windows)
            assert max(content.step, content.tile_step) < len(STEPS) and len(content.tiles(SIZE)) < 22 * 22
        else:
            assert set(content.rows) <= set(range(MOST_WINDOWS))
    assert 50 < refused < 350


def test_tiles_are_of_anything_and_windows_of_what_was_asked() -> None:
    end = Asked(torch.full((1, 128), 0.5), SIGNS, 3.0)
    question = question_of(end, 2, 1)
    assert question.kinds.tolist() == [ANYTHING, ANYTHING, SIGNS]
    assert question.embedding.tolist() == [[0.0] * 128, [0.0] * 128, [0.5] * 128]
    assert question.snr_db.tolist() == [SNR_DB] * 3
