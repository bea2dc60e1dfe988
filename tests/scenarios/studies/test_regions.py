"""What regions hold is counted by the size of the objects."""

import pytest
import torch

from taskwave.scenarios.studies.regions import measure_regions, regions_table
from taskwave.scenarios.sweep.points import ImageBatch
from taskwave.semantic.data.objects import Objects
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.weights import Models

SIGNS = questions.read("which traffic signs are there?", "objects")


class Corner:
    """A locator that finds the upper left 48 x 48 pixels, of which 40 x 40 show a thing."""

    def locate(self, images: torch.Tensor, prompts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        relevance = torch.zeros(len(images), prompts.shape[1], 12, 16)
        relevance[..., :5, :5] = 0.9  # The margin of one token is added.
        edges = torch.tensor([0.0, 0, 40, 40])[:, None, None].expand(len(images), 4, 12, 16)
        return relevance, edges


def test_objects_in_regions_are_held(tiny_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_models, "locator", Corner())
    boxes = ((8.0, 8.0, 28.0, 28.0), (40.0, 8.0, 80.0, 40.0), (0.0, 0.0, 9.0, 9.0))
    rows = [(box, name, "") for box, name in zip(boxes, ("stop", "stop", "bike"), strict=True)]
    truth = Truth(torch.full((96, 128), 255, dtype=torch.uint8), Objects.of(rows))
    batch = ImageBatch(0, ("a",), ("a",), torch.zeros(1, 3, 96, 128), (truth,), "")
    values = measure_regions([batch], [SIGNS, questions.read("cars")], tiny_models)
    (row,) = values.to_dict("records")
    assert (row["objects"], row["held"]) == (2, 0.5)
    assert (row["objects_16"], row["held_16"], row["objects_32"], row["held_32"]) == (1, 1.0, 1, 0.0)
    assert row["area"] == 48 * 48 / (96 * 128) and row["true_area"] == (400 + 40 * 32) / (96 * 128)
    assert regions_table(values).row_count == 1
    with pytest.raises(ValueError, match="nothing can be located"):
        measure_regions([batch], [questions.read("cars")], tiny_models)


def test_boxes_are_counted_where_they_fit(tiny_models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny_models, "locator", Corner())
    truth = Truth(
        torch.full((96, 128), 255, dtype=torch.uint8),
        Objects.of([((2.0, 2.0, 38.0, 38.0), "stop", ""), ((8.0, 8.0, 28.0, 28.0), "stop", "")]),
    )
    batch = ImageBatch(0, ("a",), ("a",), torch.zeros(1, 3, 96, 128), (truth,), "")
    (row,) = measure_regions([batch], [SIGNS], tiny_models).to_dict("records")
    assert (row["held"], row["boxed"]) == (1.0, 0.5)
