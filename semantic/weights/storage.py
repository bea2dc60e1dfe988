"""How networks lie on the disk: large tables in eight bits with a scale for each output, all else in half precision.

A table `name` (two dimensions or more, and 1,024 numbers or more) is stored as `name`, int8, and `name.scale`, float16:
one scale for each index of the first dimension, so that the largest number there is 127. That halves the files, and
changes weights by at most 0.4 % of the largest of their output. All numbers in half precision are one tensor,
`halves`, in the order of the network's state: each tensor by itself would be named at length in the head of the file.
Files that name each, and networks in single or half precision, as `save_pretrained` writes them, are read as well.
"""

import json
from pathlib import Path
from typing import TypeVar

import torch
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file, save_file
from torch import nn

CONFIG = "config.json"
"""Name of the file of a network that holds the arguments of its class."""
_SCALE = ".scale"
_HALVES = "halves"
_LEAST = 1024
"""Number of weights from which a table is stored in eight bits."""

Net = TypeVar("Net", bound=nn.Module)


def load_network(kind: type[Net], folder: Path) -> Net:
    """Load the network in `folder`, in single precision and evaluation mode.

    Raises:
        ValueError: the files are damaged, or hold another network.
    """
    try:
        config = json.loads((folder / CONFIG).read_text())
        net: Net = kind.from_config(config)  # type: ignore[attr-defined]
        net.load_state_dict(_decoded(_unpacked(load_file(folder / SAFETENSORS_WEIGHTS_NAME), net.state_dict())))
    except Exception as error:  # safetensors, diffusers, json and torch each raise their own kind for a damaged file
        raise ValueError(
            f"cannot read the weights in {folder}: {error}; the files may be truncated, restore or retrain them"
        ) from error
    return net.float().eval()


def save_network(network: ModelMixin, folder: Path) -> None:
    """Write a network in eight bits.

    Raises:
        OSError: the folder cannot be written.
    """
    network.save_config(folder)
    path = folder / CONFIG
    config = {key: value for key, value in json.loads(path.read_text()).items() if key != "_name_or_path"}
    path.write_text(json.dumps(config, indent=2) + "\n")
    weights = folder / SAFETENSORS_WEIGHTS_NAME
    save_file(_packed(_encoded(network.state_dict())), weights, {"format": "pt"})
    weights.chmod(path.stat().st_mode)  # safetensors makes files that nobody else may read


def _encoded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of a network as they are stored."""
    stored = {}
    for name, tensor in state.items():
        if not tensor.is_floating_point():
            stored[name] = tensor.contiguous()
        elif tensor.dim() < 2 or tensor.numel() < _LEAST:
            stored[name] = tensor.half().contiguous()
        else:
            rows = tensor.float().flatten(1)
            scale = (rows.abs().amax(1) / 127).clamp_min(2**-24).half()  # the least number of half precision
            whole = (rows / scale.float()[:, None]).round().clamp(-127, 127)
            stored[name], stored[name + _SCALE] = whole.to(torch.int8).reshape(tensor.shape).contiguous(), scale
    return stored


def _packed(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return tensors as they are stored with all of half precision as one."""
    halves = [tensor.flatten() for tensor in stored.values() if tensor.dtype == torch.float16]
    whole = {name: tensor for name, tensor in stored.items() if tensor.dtype != torch.float16}
    return {**whole, _HALVES: torch.cat(halves)} if halves else whole


def _unpacked(stored: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of which `_packed` made one, for a network of this state."""
    if _HALVES not in stored or _HALVES in state:
        return stored
    found = {name: tensor for name, tensor in stored.items() if name != _HALVES}
    shapes = {
        name + _SCALE if name in found else name: tensor.shape[:1] if name in found else tensor.shape
        for name, tensor in state.items()
        if tensor.is_floating_point()
    }
    parts = stored[_HALVES].split([shape.numel() for shape in shapes.values()])
    return {**found, **{name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}}


def _decoded(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of a network in single precision."""
    state = {}
    for name, tensor in stored.items():
        scale = stored.get(name + _SCALE)
        if tensor.dtype == torch.int8 and scale is not None:
            state[name] = tensor.float() * scale.float().reshape(-1, *[1] * (tensor.dim() - 1))
        elif not (name.endswith(_SCALE) and stored.get(name.removesuffix(_SCALE), tensor).dtype == torch.int8):
            state[name] = tensor.float() if tensor.is_floating_point() else tensor
    return state
