"""Label maps are reduced to fit, and worth what then agrees."""

import numpy as np

from taskwave.links.answers.label_map import LabelMapSource, decode_map, overlap


def test_label_map_is_downscaled_to_fit() -> None:
    y, x = np.mgrid[:96, :128]
    labels = ((y > 50 + 9 * np.sin(x / 7)) | ((x - 90) ** 2 + (y - 30) ** 2 < 150)).astype(np.uint8)
    source = LabelMapSource(labels, 2)
    full = source.offer(100_000)
    assert full is not None
    assert full.worth == 1
    assert (decode_map(full.payload + bytes(4), 96, 128, 2) == labels).all()
    worth = 1.0
    for limit in (len(full.payload) - 1, len(full.payload) // 3):
        offer = source.offer(limit)
        assert offer is not None
        assert len(offer.payload) <= limit
        assert 0 < offer.worth < worth
        assert overlap(decode_map(offer.payload, 96, 128, 2), labels) == offer.worth
        worth = offer.worth
    assert source.offer(0) is None
