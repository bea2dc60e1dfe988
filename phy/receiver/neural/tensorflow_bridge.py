"""TensorFlow and Keras models as differentiable PyTorch modules on the CPU; tensors pass through DLPack.

PyTorch owns the weights: they are `Parameter`s under any torch optimiser, and the variables of TensorFlow get their
values before every call. Inputs pass without a copy. Outputs are copied, because TensorFlow takes its tensors,
constants among them, for immutable, while PyTorch may write into a tensor in place.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch.autograd.function import once_differentiable

_ALIGNMENT = 64
"""Alignment of tensors [bytes]; kernels of TensorFlow end the process at an address that is no multiple of it."""
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""Environment variable of TensorFlow's log level; 2 leaves out its greetings."""

_CPU_ONLY = "TensorFlow computes on the CPU here."

Call = Callable[..., Any]


def import_tensorflow() -> Any:
    """Import the module `tensorflow`, which an extra installs, without its greetings on stderr, and return it.

    Raises:
        RuntimeError: TensorFlow is not installed.
    """
    chosen = os.environ.get(_LOG_LEVEL)
    os.environ.setdefault(_LOG_LEVEL, "2")
    try:
        import tensorflow  # noqa: PLC0415 - an extra, and takes seconds
    except ImportError as error:
        raise RuntimeError(
            f"TensorFlow cannot be imported ({error}): pip install 'taskwave[tensorflow]' to use Keras models."
        ) from None
    finally:
        if chosen is None:
            del os.environ[_LOG_LEVEL]
    return tensorflow


def to_tensorflow(tensor: torch.Tensor) -> Any:
    """Return `tensor` as a TensorFlow tensor; it shares the memory of `tensor` if that is contiguous and aligned."""
    # DLPack drops the conjugate and negative bits of a view without a warning.
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if plain.data_ptr() % _ALIGNMENT:
        plain = plain.clone()
    return import_tensorflow().experimental.dlpack.from_dlpack(plain.__dlpack__())


def to_torch(tensor: Any) -> torch.Tensor:
    """Return a copy of a TensorFlow tensor as a PyTorch tensor."""
    return torch.utils.dlpack.from_dlpack(import_tensorflow().experimental.dlpack.to_dlpack(tensor)).clone()


class TensorFlowModule(torch.nn.Module):
    """Wraps a Keras model or layer, or a function of TensorFlow; gradients reach inputs and weights.

    Trainable variables become parameters and other weights (moving averages) become buffers, all named by their index
    and TensorFlow's name: `0_kernel`. The next call overwrites changes that are made to the variables elsewhere. Keras
    layers are told whether the module is in training. Gradients of gradients are not available.

    Args:
        function: Keras model or layer, or function that takes TensorFlow tensors and returns one or a tuple or list of
            them. The weights of a plain function are the variables that it uses.
        signature: a `tf.TensorSpec` for each input, with `None` for sizes that vary.

    Raises:
        ValueError: PyTorch lacks a type, an output is not a tensor, or Keras computes without TensorFlow.
        RuntimeError: TensorFlow is not installed.
    """

    def __init__(self, function: Call, signature: Sequence[Any]) -> None:
        super().__init__()
        self._program = program = _Program(function, signature)
        self._parameter_names = [_name(i, v) for i, v in enumerate(program.trainable)]
        self._buffer_names = [_name(i, v) for i, v in enumerate(program.fixed, len(program.trainable))]
        for name, variable in zip(self._parameter_names, program.trainable, strict=True):
            self.register_parameter(name, torch.nn.Parameter(to_torch(variable.read_value())))
        for name, variable in zip(self._buffer_names, program.fixed, strict=True):
            self.register_buffer(name, to_torch(variable.read_value()))

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Compute the outputs of the function, a tuple if it returns several.

        Raises:
            ValueError: the inputs differ from the signature in number, type, shape or device, or a weight is on another
                device.
        """
        program = self._program
        program.check(inputs)
        for name, weight in (*self.named_parameters(), *self.named_buffers()):
            if weight.device.type != "cpu":
                raise ValueError(f"weight {name} is on {weight.device}: {_CPU_ONLY} Move the module with .cpu().")
        parameters = [getattr(self, name) for name in self._parameter_names]
        for name, variable in zip(self._buffer_names, program.fixed, strict=True):
            variable.assign(to_tensorflow(getattr(self, name)))
        outputs: tuple[torch.Tensor, ...]
        if torch.is_grad_enabled() and any(t.requires_grad for t in (*inputs, *parameters)):
            tensors = (*inputs, *parameters)
            outputs = _Call.apply(program, self.training, len(inputs), *tensors)  # type: ignore[no-untyped-call]
        else:
            results = program.run([to_tensorflow(x) for x in inputs], parameters, self.training)
            outputs = tuple(to_torch(y) for y in results)
        if self.training:
            for name, variable in zip(self._buffer_names, program.fixed, strict=True):
                getattr(self, name).copy_(to_torch(variable.read_value()))
        return outputs if program.several else outputs[0]


class _Program:
    """Holds a traced function of TensorFlow and its variables; all copies of a module share one."""

    def __init__(self, function: Call, signature: Sequence[Any]) -> None:
        tf = import_tensorflow()
        self._signature = [(tuple(spec.shape), _torch_dtype(spec.dtype)) for spec in signature]
        layer = isinstance(function, tf.keras.layers.Layer)
        if layer and tf.keras.config.backend() != "tensorflow":
            raise ValueError(
                f"Keras computes with {tf.keras.config.backend()!r}: the bridge needs 'tensorflow'. Set the "
                "environment variable KERAS_BACKEND=tensorflow before Keras is imported."
            )
        calls = [_keras_call(function, training) for training in (False, True)] if layer else [function]
        self._graphs = [tf.function(call, input_signature=list(signature)) for call in calls]
        traced = self._graphs[0].get_concrete_function()
        if layer:
            self.trainable = [weight.value for weight in function.trainable_weights]  # type: ignore[attr-defined]
            self.fixed = [weight.value for weight in function.non_trainable_weights]  # type: ignore[attr-defined]
        else:
            self.trainable = list(traced.trainable_variables)
            self.fixed = [v for v in traced.variables if not v.trainable]
        outputs = traced.structured_outputs
        self.several = isinstance(outputs, list | tuple)
        for output in outputs if self.several else [outputs]:
            if not hasattr(output, "dtype"):
                raise ValueError(
                    f"the function returns {type(output).__name__}: it must return a tensor, or a tuple or list of "
                    "tensors. Wrap it in a function that does."
                )
            _torch_dtype(output.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def check(self, inputs: Sequence[torch.Tensor]) -> None:
        """Check `inputs` against the signature.

        Raises:
            ValueError: they differ in number, type, shape or device.
        """
        if len(inputs) != len(self._signature):
            raise ValueError(
                f"{len(inputs)} inputs were given: the signature has {len(self._signature)}. Give as many."
            )
        for i, (x, (shape, dtype)) in enumerate(zip(inputs, self._signature, strict=True)):
            if x.dtype != dtype:
                raise ValueError(f"input {i} is {x.dtype}: it must be {dtype}. Convert it with .to({dtype}).")
            if x.device.type != "cpu":
                raise ValueError(f"input {i} is on {x.device}: {_CPU_ONLY} Move it with .cpu().")
            if x.ndim != len(shape) or any(n not in (None, m) for n, m in zip(shape, x.shape, strict=True)):
                asked = ", ".join("any" if n is None else str(n) for n in shape)
                raise ValueError(f"input {i} has shape {list(x.shape)}: it must be [{asked}]. Reshape it.")

    def run(self, inputs: Sequence[Any], parameters: Sequence[torch.Tensor], training: bool) -> list[Any]:
        """Return TensorFlow's outputs for its tensors `inputs`, with the values of `parameters` in its variables."""
        for variable, parameter in zip(self.trainable, parameters, strict=True):
            variable.assign(to_tensorflow(parameter))
        outputs = self._graphs[-1 if training else 0](*inputs)
        return list(outputs) if self.several else [outputs]


class _Call(torch.autograd.Function):
    """Runs one call under a gradient tape, from which the backward pass takes the gradients."""

    @staticmethod
    def forward(
        ctx: Any, program: _Program, training: bool, num_inputs: int, *tensors: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        tf = import_tensorflow()
        inputs = [to_tensorflow(x) for x in tensors[:num_inputs]]
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([x for x in inputs if x.dtype.is_floating or x.dtype.is_complex])
            results = program.run(inputs, tensors[num_inputs:], training)
        ctx.tape, ctx.results, ctx.sources = tape, results, [*inputs, *program.trainable]
        outputs = tuple(to_torch(y) for y in results)
        ctx.mark_non_differentiable(*(y for y in outputs if not (y.is_floating_point() or y.is_complex())))
        # TensorFlow shares the memory of these tensors: PyTorch must notice a change before the backward pass.
        ctx.save_for_backward(*tensors)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        ctx.saved_tensors  # noqa: B018 - raises if one of them was changed in place, or freed
        tf = import_tensorflow()
        needed = ctx.needs_input_grad[3:]
        wanted = [source for source, want in zip(ctx.sources, needed, strict=True) if want]
        pairs = [
            (y, g) for y, g in zip(ctx.results, gradients, strict=True) if y.dtype.is_floating or y.dtype.is_complex
        ]
        targets, weights = [y for y, _ in pairs], [to_tensorflow(g) for _, g in pairs]
        found = iter(ctx.tape.gradient(targets, wanted, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO))
        # Gradients of embeddings come as indexed rows and are converted to dense tensors.
        results = [to_torch(tf.convert_to_tensor(next(found))) if want else None for want in needed]
        return None, None, None, *results


def _keras_call(layer: Call, training: bool) -> Call:
    """Make a function that calls `layer` in or out of training with its inputs one by one.

    Functional models of several inputs take them as a list.
    """
    if len(getattr(layer, "inputs", None) or ()) > 1:
        return lambda *inputs: layer(list(inputs), training=training)
    return lambda *inputs: layer(*inputs, training=training)


def _torch_dtype(dtype: Any) -> torch.dtype:
    """Return PyTorch's type of the same name as TensorFlow's; raise `ValueError` if there is none."""
    found = getattr(torch, dtype.name, None)
    if not isinstance(found, torch.dtype):
        raise ValueError(
            f"PyTorch has no type for TensorFlow's {dtype.name}: use numbers, such as float32 or complex64."
        )
    return found


def _name(index: int, variable: Any) -> str:
    """Name a variable without the names of models and layers, which Keras numbers through a process."""
    return f"{index}_{variable.name.split('/')[-1].split(':')[0]}".replace(".", "_")
