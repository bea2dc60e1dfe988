"""Headroom is the accuracy of judges on images of every size, pooled over all images."""

import pytest
import torch

from taskwave.scenarios.studies.headroom import headroom_table, measure_headroom
from taskwave.scenarios.sweep.judge import Jury
from taskwave.scenarios.sweep.points import ImageBatch
from taskwave.semantic.tasks import questions
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.training.judges.augmentation import reduced
from taskwave.semantic.weights import Models


def test_smaller_images_have_less_detail_and_their_size() -> None:
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    spread = [float(reduced(images, divisor).std()) for divisor in (1, 2, 4, 8)]
    assert spread == sorted(spread, reverse=True) and spread[0] == float(images.std())
    assert reduced(images[..., :61, :37], 8).shape == (1, 3, 61, 37)


def test_accuracies_pool_over_batches(colour_models: Models, street_images: torch.Tensor) -> None:
    jury, tasks = Jury(colour_models, None), [questions.read("road"), questions.read("buildings")]
    labels = colour_models.segmentation.predict(street_images)
    batches = [ImageBatch(i, (f"{i}",), (f"{i}",), street_images[i : i + 1], (Truth(labels[i]),), "") for i in range(2)]
    done: list[int] = []
    values = measure_headroom(batches, tasks, jury, colour_models, done.append)
    assert done == [1, 2] and list(values["clean"]) == [1.0, 1.0]
    road = values.iloc[0]
    assert road["task"] == "road" and 1 > road["half"] > road["eighth"] > road["nothing"]
    both = [batches[0], batches[0]]
    assert measure_headroom(both, tasks[:1], jury, colour_models)["half"][0] == pytest.approx(
        measure_headroom(both[:1], tasks[:1], jury, colour_models)["half"][0]
    )
    assert headroom_table(values).row_count == 2
