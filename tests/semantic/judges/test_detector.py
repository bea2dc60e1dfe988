"""The detector finds what its maps say, and its targets are what it should find."""

import pytest
import torch

from taskwave.semantic.backbone import Backbone, SameConv
from taskwave.semantic.data.objects import Objects, matches, overlaps
from taskwave.semantic.judges.detector import DetectorNet, Found, distinct
from taskwave.semantic.judges.objects import OTHER, ObjectJudge, seen_as
from taskwave.semantic.judges.reader import PatchNet, cut
from taskwave.semantic.tasks.base import Truth
from taskwave.semantic.training.judges.detector import detection_loss
from taskwave.semantic.training.judges.pools import Targets, make_targets

BOXES = torch.tensor([[20.0, 30.0, 60.0, 70.0], [100.0, 8.0, 124.0, 40.0]])


class Oracle(DetectorNet):  # type: ignore[misc]
    """A detector whose maps are the targets of two boxes."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        heat, _, edges, _ = make_targets(BOXES, torch.ones(2), (0, 1), 2, (96, 128))
        return torch.logit(heat.clamp(1e-4, 0.9999))[None], edges[None]


def test_targets_are_decoded_into_the_boxes_they_were_made_from() -> None:
    (found,) = Oracle(classes=("a", "b")).find(torch.zeros(1, 3, 96, 128))
    order = found.classes.argsort()
    assert found.classes[order].tolist() == [0, 1]
    torch.testing.assert_close(found.boxes[order], BOXES, atol=1e-3, rtol=0)
    assert float(found.confidence.min()) > 0.99


def test_a_box_that_is_mostly_outside_neither_counts_for_nor_against() -> None:
    heat, counts, _, near = make_targets(BOXES, torch.tensor([1.0, 0.3]), (0, 0), 1, (96, 128))
    assert (heat == 1).sum() == 1 and not counts[0, 2:10, 25:31].any() and counts[0, 12].all()
    assert float(near[0, 2:10, 25:31].max()) == 0
    targets = Targets(heat[None], counts[None], torch.zeros(1, 4, 24, 32), near[None])
    quiet = torch.full((1, 1, 24, 32), -8.0)
    loud = quiet.clone()
    loud[0, 0, 2:10, 25:31] = 8.0
    same = [float(detection_loss(scores, torch.zeros(1, 4, 24, 32), targets)) for scores in (quiet, loud)]
    assert same[0] == same[1]
    loud[0, 0, 20, 3] = 8.0
    assert float(detection_loss(loud, torch.zeros(1, 4, 24, 32), targets)) > same[0] + 1


def test_what_overlaps_a_surer_one_of_its_class_goes() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [20, 0, 30, 10]])
    kept = distinct(Found(boxes, torch.tensor([0, 0, 1, 0]), torch.tensor([0.9, 0.8, 0.7, 0.6])))
    assert kept.tolist() == [True, False, True, True]
    assert float(overlaps(boxes[:1], boxes[1:2])) == pytest.approx(90 / 110)


def test_every_true_object_is_matched_once_by_the_surest() -> None:
    true = Objects.of([((0.0, 0.0, 10.0, 10.0), "a", ""), ((20.0, 0.0, 30.0, 10.0), "b", "")])
    boxes = torch.tensor([[0.0, 0, 10, 9], [0, 0, 10, 10], [20, 0, 30, 10], [20, 0, 30, 10]])
    assert matches(boxes, ("a", "a", "a", "b"), true) == [0, None, None, 1]


def test_the_backbone_halves_as_tensorflow_does() -> None:
    features = Backbone(7).eval()(torch.rand(1, 3, 97, 130))
    assert [tuple(f.shape[1:]) for f in features] == [(24, 25, 33), (40, 13, 17), (112, 7, 9), (320, 4, 5)]


def test_padding_has_one_more_pixel_below_and_on_the_right() -> None:
    conv = SameConv(1, 1, 3, 2, bias=False)
    conv.weight.data.fill_(1)
    image = torch.zeros(1, 1, 4, 4)
    image[..., 2, 2] = 1
    assert conv(image)[0, 0].tolist() == [[1, 1], [1, 1]], "the first place reaches from pixel 0 to 2"
    image = torch.zeros(1, 1, 4, 4)
    image[..., 1, 1] = 1
    assert conv(image)[0, 0].tolist() == [[1, 0], [0, 0]]


def test_patches_are_cut_with_their_surroundings() -> None:
    image = torch.zeros(3, 96, 128)
    image[:, 30:70, 20:60] = 1
    (patch,) = cut(image, BOXES[:1], margin=0.0)
    assert patch.shape == (3, 48, 48) and float(patch.min()) == 1
    (wide,) = cut(image, BOXES[:1], margin=0.5)
    assert 0.2 < float(wide.mean()) < 0.3
    assert cut(image, torch.tensor([[500.0, 500, 510, 510]])).shape == (1, 3, 48, 48)
    assert cut(image, torch.zeros(0, 4)).shape == (0, 3, 48, 48)


def test_a_judge_names_signs_as_its_reader_reads_them_and_leaves_out_what_is_none() -> None:
    torch.manual_seed(0)
    reader = PatchNet(classes=("stop", OTHER), widths=(8, 8, 8, 8)).eval()
    judge = ObjectJudge("j", "d", Oracle(classes=("car", "traffic sign")).eval(), None, 0.5)
    truths = [Truth(torch.zeros(96, 128, dtype=torch.uint8))]
    (plain,) = judge.answer(torch.zeros(1, 3, 96, 128), truths)
    assert sorted(plain.classes) == ["car", "traffic sign"]  # type: ignore[union-attr]
    for bias, names in (((9.0, -9.0), ["car", "stop"]), ((-9.0, 9.0), ["car"])):
        reader.head.bias.data = torch.tensor(bias)
        (read,) = ObjectJudge("j", "d", judge.detector, reader, 0.5).answer(torch.zeros(1, 3, 96, 128), truths)
        assert sorted(read.classes) == names  # type: ignore[union-attr]


def test_a_detector_knows_objects_by_their_own_class_or_a_general_one() -> None:
    general = ("traffic sign", "traffic light", "car")
    assert seen_as("stop", general) == "traffic sign" and seen_as("stop", ("stop", "crosswalk")) == "stop"
    assert seen_as("traffic_light_red", general) == "traffic light" and seen_as("car", general) == "car"
    assert seen_as("stop", ("any",)) == "any"
    with pytest.raises(ValueError, match="'van', which is none of"):
        seen_as("van", general)
