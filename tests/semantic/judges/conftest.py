"""Networks in ONNX files, made for the tests of judges."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

Node = tuple[str, Sequence[str], Sequence[str], dict[str, object]]
DETECTOR = """\
kind = "detector"
classes = ["person", "traffic light"]
[names]
"traffic light" = "traffic_light"
[input]
size = "64x48"
fit = "stretch"
[output]
decoder = "boxes"
"""
SEGMENTATION = """\
kind = "segmentation"
classes = ["car", "lawn", "sky"]
[input]
size = "any"
[output]
decoder = "logits"
"""
CLASSIFIER = """\
kind = "classifier"
classes = ["red", "green", "blue"]
[names]
green = "frog"
[input]
size = "any"
[output]
decoder = "logits"
"""


def network(
    path: Path,
    nodes: Sequence[Node],
    shape: Sequence[int | str],
    outputs: dict[str, int],
    kind: int = TensorProto.FLOAT,
) -> None:
    """Write a network with an input `image` of a shape, and outputs by name with their number of axes."""
    made = [helper.make_node(op, inputs, gives, **attributes) for op, inputs, gives, attributes in nodes]
    given = helper.make_tensor_value_info("image", kind, shape)
    out = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * axes) for name, axes in outputs.items()]
    graph = helper.make_graph(made, "made", [given], out)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def constant(name: str, values: object) -> Node:
    return "Constant", (), (name,), {"value": numpy_helper.from_array(np.array(values, np.float32))}


def constants(folder: Path, text: str = DETECTOR, size: Sequence[int | str] = (1, 3, 48, 64), **values: object) -> Path:
    """Write a network that gives constants, with its description, and return its file."""
    network(
        folder / "a.onnx", [constant(n, v) for n, v in values.items()], size, {n: np.ndim(v) for n, v in values.items()}
    )
    (folder / "a.toml").write_text(text)
    return folder / "a.onnx"


def copies(
    folder: Path, text: str, shape: Sequence[int | str] = (1, 3, "h", "w"), kind: int = TensorProto.FLOAT
) -> Path:
    """Write a network whose output is its input."""
    network(folder / "a.onnx", [("Cast", ("image",), ("y",), {"to": TensorProto.FLOAT})], shape, {"y": 4}, kind)
    (folder / "a.toml").write_text(text)
    return folder / "a.onnx"


def means(folder: Path, text: str = CLASSIFIER) -> Path:
    """Write a network whose logits are the means of the three colours as they arrive."""
    nodes: list[Node] = [("GlobalAveragePool", ("image",), ("m",), {}), ("Flatten", ("m",), ("y",), {})]
    network(folder / "a.onnx", nodes, (1, 3, "h", "w"), {"y": 2})
    (folder / "a.toml").write_text(text)
    return folder / "a.onnx"


@pytest.fixture(scope="session")
def networks() -> SimpleNamespace:
    """Descriptions by the kind of network, and what writes networks with them."""
    described = {"detector": DETECTOR, "segmentation": SEGMENTATION, "classifier": CLASSIFIER}
    made = {"network": network, "constant": constant, "constants": constants, "copies": copies, "means": means}
    return SimpleNamespace(described=described, **made)
