"""Images of any size are padded to whole cells."""

import pytest
import torch

from taskwave.semantic.codec.analog import CELL_PIXELS, pad_to_cells


@pytest.mark.parametrize(("height", "width"), [(32, 64), (1, 1), (33, 31), (100, 70)])
def test_padding_reaches_whole_cells_and_keeps_the_image(height: int, width: int) -> None:
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))
    padded = pad_to_cells(image)
    assert all(side % CELL_PIXELS == 0 for side in padded.shape[-2:])
    assert padded.shape[-2] - height < CELL_PIXELS and padded.shape[-1] - width < CELL_PIXELS
    assert torch.equal(padded[..., :height, :width], image)
    assert torch.equal(padded[..., -1, -1], image[..., -1, -1])
