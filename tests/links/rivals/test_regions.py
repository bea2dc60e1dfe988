"""Regions are found where the relevance is, and come back to their place."""

import numpy as np
import pytest
import torch

from taskwave.links.rivals.regions import (
    MOST_REGIONS,
    Region,
    cut,
    find_regions,
    from_payload,
    put_back,
    size_of_cut,
    to_payload,
    whole,
)

IMAGE = np.random.default_rng(0).integers(0, 256, (91, 125, 3), np.uint8)


def test_parts_that_are_near_are_one_region_and_the_weightiest_comes_first() -> None:
    relevance = torch.zeros(12, 16)
    relevance[2:4, 3] = relevance[2, 5] = 0.9
    relevance[10:12, 13:16] = 0.8
    assert find_regions(relevance) == [Region(12, 9, 4, 3), Region(2, 1, 5, 4)]
    assert find_regions(0.2 * relevance) == [], "nothing is relevant enough"


def test_there_are_at_most_a_few_regions() -> None:
    relevance = torch.zeros(40, 40)
    relevance[::8, ::8] = 1
    assert len(find_regions(relevance)) == MOST_REGIONS


@pytest.mark.parametrize(
    "regions", [[whole(91, 125)], [Region(12, 9, 4, 3), Region(2, 1, 5, 4)], [Region(15, 11, 1, 1)]]
)
def test_regions_come_back_to_their_place(regions: list[Region]) -> None:
    mosaic = cut(IMAGE, regions)
    assert mosaic.shape[:2] == size_of_cut(regions, 91, 125)
    pasted = put_back(np.zeros_like(IMAGE), mosaic, regions)
    covered = np.zeros((91, 125), bool)
    for region in regions:
        covered[region.pixels(91, 125)] = True
    assert np.array_equal(pasted[covered], IMAGE[covered]) and not pasted[~covered].any()
    assert from_payload(to_payload(regions, b"code"), 91, 125) == (regions, b"code", b"")
    assert from_payload(to_payload(regions, b"code", b"all"), 91, 125) == (regions, b"code", b"all")


@pytest.mark.parametrize(
    "payload",
    [
        b"\0code",
        b"\x09" + bytes(40),
        b"\x01\x0f\x0b\x02\x01x",
        b"\x01\0\0\0\1x",
        b"\x02\0\0\1\1",
        b"\x81\0\0\1\1\0\0\4code",
    ],
)
def test_a_payload_without_sense_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="payload"):
        from_payload(payload, 91, 125)


def test_images_that_regions_cannot_reach_are_refused() -> None:
    with pytest.raises(ValueError, match="3000x100"):
        whole(100, 3000)
