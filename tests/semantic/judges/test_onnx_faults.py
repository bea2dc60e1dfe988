"""Faults of judges in ONNX files: of the description, of the network, and of what it gives, each with its remedy."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from taskwave.semantic.judges.onnx import OnnxJudge
from taskwave.semantic.judges.onnx_description import TEMPLATE, Description, read_description
from taskwave.semantic.weights.judges import load_judge

BOXES = [[[8, 6, 40, 30], [9, 6, 41, 30], [8, 6, 40, 30], [0, 0, 64, 48], [1, 1, 2, 2]]]
SCORES, KINDS = [[0.7, 0.8, 0.6, 0.4, 0.9]], [[0, 0, 1, 0, 1]]


def test_a_file_is_a_judge_by_its_extension(networks: SimpleNamespace, tmp_path: Path) -> None:
    path = networks.means(tmp_path)
    assert load_judge(path).name == "a.onnx"
    assert load_judge(str(path.rename(tmp_path / "a.ONNX"))).name == "a.ONNX"
    with pytest.raises(FileNotFoundError, match=r"none\.onnx: no such file"):
        load_judge(tmp_path / "none.onnx")


def test_a_missing_description_is_told_with_one_to_start_from(networks: SimpleNamespace, tmp_path: Path) -> None:
    path = networks.constants(tmp_path, boxes=BOXES, scores=SCORES, labels=KINDS)
    (tmp_path / "a.toml").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.toml: missing") as caught:
        OnnxJudge(path)
    assert "takes 'image' [1, 3, 48, 64] tensor(float) and gives 'boxes'" in str(caught.value)
    assert TEMPLATE.rstrip() in str(caught.value)


def test_the_description_to_start_from_is_good_and_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEMPLATE)
    found = read_description(tmp_path / "a.toml", "")
    short = Description.model_validate(
        {
            "kind": "detector",
            "classes": ("person", "traffic light"),
            "names": {"traffic light": "traffic_light"},
            "input": {"size": "640x640"},
            "output": {"decoder": "yolo"},
        }
    )
    assert found == short


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'kind = "detector"',
            'kind = "finder"',
            "kind = 'finder': Input should be 'detector', 'segmentation' or 'class",
        ),
        ('kind = "detector"', "", "kind: this key is missing; add it"),
        (
            'kind = "detector"',
            'kind = "segmentation"',
            "output.decoder = 'boxes': a segmentation has the decoder logits",
        ),
        ('size = "64x48"', "", "input.size: this key is missing"),
        ('size = "64x48"', "size = 64", "input.size = 64: Input should be a valid string"),
        ('size = "64x48"', 'size = "64,48"', "WIDTHxHEIGHT in pixels"),
        ('size = "64x48"', 'size = "64x48"\nmultiple = 8', 'multiple = 8 is for size = "any"'),
        ('fit = "stretch"', 'fti = "stretch"', "input.fti: unknown key (did you mean 'fit'?); allowed: size, multiple"),
        ('fit = "stretch"', "std = [1, 1]", "input.std"),
        ('fit = "stretch"', "std = [1, 1, 0]", "input.std.2 = 0: Input should be greater than 0"),
        ('fit = "stretch"', "mean = [1, nan, 0]", "input.mean.1 = nan"),
        ('"boxes"', '"ssd"', "output.decoder = 'ssd'"),
        ('"boxes"', '"boxes"\nthreshold = 0', "output.threshold = 0"),
        (
            '"boxes"',
            '"boxes"\nobjectness = true',
            "decoder 'boxes' has no key 'objectness'; it has overlap, tensors, thresh",
        ),
        ('"boxes"', '"boxes"\ntensors = ["boxes"]', "tensors names 1 outputs; decoder 'boxes' reads 2 or 3"),
        ('"boxes"', '"boxes"\ntensors = ["boxes", "points"]', "no output 'points'. The network takes 'image'"),
        (
            '"traffic light" =',
            '"traffic lihgt" =',
            "'traffic lihgt' is none of the classes (did you mean 'traffic light'?)",
        ),
        (
            '"traffic_light"',
            '"trafic_light"',
            "'trafic_light' is no class of the project (did you mean 'traffic_light'?)",
        ),
        (
            '["person", "traffic light"]\n[names]\n"traffic light" = "traffic_light"',
            '["a"]',
            "none of the classes is one",
        ),
        ('["person", "traffic light"]', "[]", "classes"),
        ("[names]", "[names", "not valid TOML"),
        ('"64x48"', '"32x48"', "an input [1, 3, 48, 32]. The network takes 'image' [1, 3, 48, 64]"),
        ('"64x48"', '"any"', "an input [1, 3, height, width]. The network takes"),
        ('"64x48"', '"64x48"\nlayout = "nhwc"', "an input [1, 48, 64, 3]. The network takes"),
    ],
)
def test_faults_of_descriptions_are_told_with_the_remedy(
    networks: SimpleNamespace, tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert old in networks.described["detector"]
    path = networks.constants(
        tmp_path, networks.described["detector"].replace(old, new), boxes=BOXES, scores=SCORES, labels=KINDS
    )
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        OnnxJudge(path)
    assert str(caught.value).startswith(str(tmp_path / "a.toml")) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "decoder", "outputs", "told"),
    [
        ("detector", "boxes", {"b": [[[1, 2, 3]]], "s": [[1]], "c": [[0]]}, "[1, 1, 3], [1, 1], [1, 1], but 2 classes"),
        ("detector", "boxes", {"b": BOXES, "s": [[1]], "c": KINDS}, "boxes [1, N, 4], scores [1, N], classes [1, N]"),
        ("detector", "boxes", {"b": BOXES, "s": SCORES, "c": [[0, 1, 2, 0, 0]]}, "classes [1, N] from 0 to 1"),
        ("detector", "boxes", {"b": BOXES, "s": SCORES}, "scores [1, N, 2]"),
        ("detector", "boxes", {"b": BOXES}, "decoder 'boxes' reads two or three outputs"),
        (
            "detector",
            "grid",
            {"y": np.zeros((1, 8, 2, 2))},
            "[1, 8, 2, 2], but 2 classes and decoder 'grid' need [1, 7",
        ),
        ("detector", "yolo", {"y": np.zeros((1, 7, 9))}, "need [1, N, 6] or [1, 6, N]"),
        (
            "detector",
            "boxes",
            {"b": [[[np.nan] * 4]], "s": [[1]], "c": [[0]]},
            "hold NaN or infinity; check scale, mean",
        ),
        ("segmentation", "logits", {"y": np.zeros((1, 4, 2, 2))}, "need [1, 3, h, w]"),
        ("segmentation", "ids", {"y": [[[3]]]}, "ids from 0 to 2"),
        ("classifier", "logits", {"y": [[1, 2]]}, "need [1, 3]; correct classes, decoder or tensors"),
    ],
)
def test_outputs_of_another_form_are_told_when_the_judge_is_loaded(
    networks: SimpleNamespace, tmp_path: Path, kind: str, decoder: str, outputs: dict[str, object], told: str
) -> None:
    text = re.sub('decoder = ".*"', f'decoder = "{decoder}"', networks.described[kind]).replace('"any"', '"64x48"')
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        OnnxJudge(networks.constants(tmp_path, text, **outputs))
    assert str(caught.value).startswith(str(tmp_path / "a")) and "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"no network"])
def test_a_damaged_file_is_told(networks: SimpleNamespace, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = networks.means(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"a\.onnx: no ONNX network that onnxruntime .* restore the file"):
        OnnxJudge(path)


def test_a_network_that_cannot_be_run_on_a_size_is_told(networks: SimpleNamespace, tmp_path: Path) -> None:
    nodes = [networks.constant("other", np.zeros((1, 3, 7, 7))), ("Add", ("image", "other"), ("y",), {})]
    networks.network(tmp_path / "a.onnx", nodes, (1, 3, "h", "w"), {"y": 4})
    (tmp_path / "a.toml").write_text(networks.described["segmentation"])
    with pytest.raises(ValueError, match=r"a\.onnx with a\.toml: cannot be run on an input \[1, 3, 352, 480\]"):
        OnnxJudge(tmp_path / "a.onnx")


def test_the_extra_is_named_where_it_is_missing(
    networks: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, known = networks.means(tmp_path), importlib.util.find_spec
    missing = "taskwave.semantic.judges.onnx.find_spec"
    monkeypatch.setattr(missing, lambda name: None if name == "onnxruntime" else known(name))
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'taskwave\[onnx\]'"):
        load_judge(path)
