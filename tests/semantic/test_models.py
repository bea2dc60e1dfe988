"""Segmentation network and metrics on small tensors."""

import pytest
import torch

from taskwave.semantic.classes import IGNORE, NO_ANSWER, NUM_CLASSES
from taskwave.semantic.judges.segmentation import SegmentationNet, Segmenter
from taskwave.semantic.metrics import confusion_matrix, iou_counts, mean_iou, psnr


def test_segmentation_answers_at_the_size_of_the_image() -> None:
    task = Segmenter(SegmentationNet(widths=(8, 8, 8, 8), depths=(1, 1, 1)))
    answer = task.predict(torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0)))
    assert answer.shape == (2, 96, 128) and answer.dtype == torch.uint8 and int(answer.max()) < 11


def test_iou_counts_by_hand() -> None:
    label = torch.tensor([[[8, 8, 3], [IGNORE, 9, 3]]], dtype=torch.uint8)
    predicted = torch.tensor([[[8, 9, 8], [8, 9, 3]]], dtype=torch.uint8)
    assert [x.item() for x in iou_counts(predicted, label, [8])] == [1, 3]
    assert [x.item() for x in iou_counts(predicted, label, [8, 9])] == [2, 5]
    none = torch.full_like(label, NO_ANSWER)
    assert [x.item() for x in iou_counts(none, label, [8])] == [0, 2]


def test_iou_refuses_strange_classes_and_shapes() -> None:
    label = torch.zeros(1, 2, 2, dtype=torch.uint8)
    with pytest.raises(ValueError, match="11"):
        iou_counts(label, label, [11])
    with pytest.raises(ValueError, match="shape"):
        iou_counts(label[:, :1], label, [1])


def test_mean_iou_leaves_out_absent_classes() -> None:
    label = torch.tensor([[[0, 0, 1, IGNORE]]], dtype=torch.uint8)
    predicted = torch.tensor([[[0, 1, 1, 5]]], dtype=torch.uint8)
    assert mean_iou(confusion_matrix(predicted, label)) == pytest.approx((1 / 2 + 1 / 2) / 2)


def test_confusion_matrix_counts_every_pair_of_label_and_answer() -> None:
    """Checked against a count by hand, with pixels that have no label or no answer."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.tensor([*range(NUM_CLASSES), NO_ANSWER, IGNORE], dtype=torch.uint8)
    predicted, label = ids[torch.randint(len(ids), (2, 3, 40, 50), generator=generator)]
    matrix = confusion_matrix(predicted, label)
    assert matrix.dtype == torch.int64 and matrix.shape == (NUM_CLASSES, NUM_CLASSES)
    for true in range(NUM_CLASSES):
        for answer in range(NUM_CLASSES):
            assert matrix[true, answer] == ((label == true) & (predicted == answer)).sum()
    assert int(confusion_matrix(label, torch.full_like(label, IGNORE)).sum()) == 0


def test_psnr_is_the_mean_squared_error_in_decibels() -> None:
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(8, 3, 48, 64, generator=generator)
    spread = torch.logspace(0, -3, 8).reshape(-1, 1, 1, 1)
    images = reference + spread * torch.randn(reference.shape, generator=generator)
    expected = -10 * (images - reference).double().square().mean((1, 2, 3)).log10()
    torch.testing.assert_close(psnr(images, reference).double(), expected, atol=1e-4, rtol=0)
    assert bool(psnr(reference, reference).isposinf().all())
