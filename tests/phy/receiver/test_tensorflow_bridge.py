"""Tests of the TensorFlow bridge: gradients against finite differences and PyTorch, errors and state."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.autograd import gradcheck
from torch.func import functional_call

from taskwave.phy.receiver.neural.tensorflow_bridge import TensorFlowModule, import_tensorflow, to_tensorflow, to_torch

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def tf() -> Any:
    return import_tensorflow()


def normal(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def weights_of(module: TensorFlowModule) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone().requires_grad_() for name, p in module.named_parameters()}


def network(tf: Any, dtype: str = "float64") -> TensorFlowModule:
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Dense(3, activation="tanh", dtype=dtype), layers.Dense(2, dtype=dtype)])
    return TensorFlowModule(model, [tf.TensorSpec([None, 4], dtype)])


def test_gradients_of_inputs_and_weights_are_those_of_finite_differences(tf: Any) -> None:
    module, x = network(tf), normal(5, 4)
    weights = weights_of(module)
    assert list(weights) == ["0_kernel", "1_bias", "2_kernel", "3_bias"]

    def call(x: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return functional_call(module, dict(zip(weights, values, strict=True)), (x,))

    assert gradcheck(call, (x, *weights.values()))


def test_complex_numbers_several_inputs_and_outputs(tf: Any) -> None:
    gain = tf.Variable(tf.constant([1 + 2j, 0.5j], tf.complex128), name="gain")

    def function(x: Any, y: Any) -> Any:
        z = gain * x * tf.cast(y, x.dtype)
        return z, tf.abs(z), tf.argmax(y, axis=-1)

    module = TensorFlowModule(function, [tf.TensorSpec([None, 2], t) for t in (tf.complex128, tf.float64)])
    x, y = normal(3, 2, dtype=torch.complex128), normal(3, 2)
    assert gradcheck(lambda x, y: module(x, y)[:2], (x, y))
    weight = weights_of(module)["0_gain"]
    assert gradcheck(lambda w: functional_call(module, {"0_gain": w}, (x, y))[:2], (weight,))
    z, magnitude, index = module(x, y)
    assert torch.allclose(z, module.get_parameter("0_gain") * x * y)
    assert magnitude.requires_grad and not index.requires_grad and index.dtype == torch.int64


def test_each_backward_pass_sees_the_weights_of_its_forward_pass(tf: Any) -> None:
    """It does so when other weights went through the same variables in between, and when it runs twice."""
    module, x = network(tf), normal(5, 4)
    module(x).sum().backward()
    alone, x.grad = x.grad, None
    out = module(x)
    functional_call(module, {name: 3 * p for name, p in weights_of(module).items()}, (x,))
    out.sum().backward(retain_graph=True)
    assert torch.equal(x.grad, alone)
    out.sum().backward()
    assert torch.equal(x.grad, 2 * alone)
    out = module(x).sum()
    with torch.no_grad():
        module.get_parameter("0_kernel").add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()


def test_without_gradients_nothing_is_recorded(tf: Any) -> None:
    module, x = network(tf), normal(5, 4)
    with torch.no_grad():
        silent = module(x)
    assert not silent.requires_grad and torch.equal(silent, module(x).detach())
    module.requires_grad_(False)
    assert not module(x.detach()).requires_grad
    module(x).sum().backward()
    assert x.grad is not None and all(p.grad is None for p in module.parameters())


def test_memory_is_shared_only_where_it_is_safe(tf: Any) -> None:
    x = torch.randn(64, dtype=torch.complex64)
    assert to_torch(to_tensorflow(x)).data_ptr() != x.data_ptr()
    shared = torch.utils.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(to_tensorflow(x)))
    assert shared.data_ptr() == x.data_ptr()
    # This tensor is one float off the alignment: matrix products of TensorFlow would end the process.
    odd = torch.utils.dlpack.from_dlpack(tf.experimental.dlpack.to_dlpack(to_tensorflow(torch.zeros(65)[1:])))
    assert odd.data_ptr() % 64 == 0
    constant = TensorFlowModule(lambda x: tf.constant([1.0, 2.0]), [tf.TensorSpec([1])])
    constant(torch.zeros(1)).add_(5)
    assert constant(torch.zeros(1)).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("view", [lambda x: x.conj(), lambda x: x.T, lambda x: x[:, ::2], lambda x: x[:1].expand(4, 4)])
def test_views_mean_their_values(tf: Any, view: Any) -> None:
    x = view(torch.randn(4, 4, dtype=torch.complex64))
    assert np.array_equal(to_tensorflow(x).numpy(), x.resolve_conj().numpy())


def test_training_agrees_with_pytorch_and_survives_a_file(tf: Any, tmp_path: Path) -> None:
    bridged, x = network(tf, "float32"), normal(64, 4, dtype=torch.float32).detach()
    plain = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    with torch.no_grad():
        for mine, theirs in zip(plain.parameters(), bridged.parameters(), strict=True):
            mine.copy_(theirs.t())
    for model in (plain, bridged):
        optimiser = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(20):
            optimiser.zero_grad()
            (model(x) - x[:, :2]).square().mean().backward()
            optimiser.step()
    assert torch.allclose(plain(x), bridged(x), atol=1e-4)
    save_file(bridged.state_dict(), tmp_path / "weights.safetensors")
    other = network(tf, "float32")
    assert not torch.allclose(other(x), bridged(x), atol=1e-2)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(other(x), bridged(x))


def test_moving_averages_are_buffers_that_follow_the_training(tf: Any) -> None:
    module = TensorFlowModule(tf.keras.layers.BatchNormalization(momentum=0.5), [tf.TensorSpec([None, 2])])
    assert [name for name, _ in module.named_buffers()] == ["2_moving_mean", "3_moving_variance"]
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    module.eval()
    assert torch.allclose(module(x), x, atol=1e-2)
    assert module.get_buffer("2_moving_mean").tolist() == [0.0, 0.0]
    module.train()
    assert torch.allclose(module(x), torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), atol=1e-2)
    assert module.get_buffer("2_moving_mean").tolist() == [1.0, 2.0]


def test_copies_have_weights_of_their_own(tf: Any) -> None:
    module, x = network(tf), normal(5, 4)
    before, copied = module(x), copy.deepcopy(module)
    with torch.no_grad():
        copied.get_parameter("3_bias").add_(1.0)
    assert torch.allclose(copied(x), before + 1) and torch.equal(module(x), before)


def test_functional_models_of_several_inputs(tf: Any) -> None:
    a, b = tf.keras.Input([2]), tf.keras.Input([2])
    model = tf.keras.Model([a, b], [a + b, a - b])
    module = TensorFlowModule(model, [tf.TensorSpec([None, 2])] * 2)
    total, difference = module(torch.full((1, 2), 3.0), torch.ones(1, 2))
    assert total.tolist() == [[4.0, 4.0]] and difference.tolist() == [[2.0, 2.0]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((torch.zeros(5, 4),), r"input 0 is torch.float32: it must be torch.float64. Convert it"),
        ((torch.zeros(5, 3, dtype=torch.float64),), r"input 0 has shape \[5, 3\]: it must be \[any, 4\]"),
        ((torch.zeros(4, dtype=torch.float64),), r"input 0 has shape \[4\]"),
        ((torch.zeros(5, 4, dtype=torch.float64, device="meta"),), r"input 0 is on meta: .* Move it with .cpu\(\)"),
        ((), r"0 inputs were given: the signature has 1"),
    ],
)
def test_wrong_inputs_are_refused(tf: Any, inputs: tuple[torch.Tensor, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(tf)(*inputs)


def test_wrong_functions_are_refused(tf: Any) -> None:
    with pytest.raises(ValueError, match="returns dict: it must return a tensor"):
        TensorFlowModule(lambda x: {"y": x}, [tf.TensorSpec([1])])
    with pytest.raises(ValueError, match="no type for TensorFlow's string"):
        TensorFlowModule(tf.strings.as_string, [tf.TensorSpec([1])])
    with pytest.raises(ValueError, match="weight 0_kernel is on meta"):
        network(tf).to("meta")(torch.zeros(1, 4, dtype=torch.float64))


def test_import_is_silent_and_leaves_the_environment_alone() -> None:
    script = (
        "from taskwave.phy.receiver.neural.tensorflow_bridge import import_tensorflow; "
        "import os; import_tensorflow().zeros(1);"
        "print(os.environ.get('TF_CPP_MIN_LOG_LEVEL'))"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr) == ("None\n", "")
