"""The convolutional network of the neural receiver, in Keras, and its weights as a file."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from taskwave.phy.receiver.neural.estimator import NeuralEstimator
from taskwave.phy.receiver.neural.tensorflow_bridge import TensorFlowModule, import_tensorflow

BUNDLED = Path(__file__).parent / "bundled"
"""Folder of the weights in the package."""
NUM_FEATURES = 15
"""Number of features of an RE that go into the network."""
NUM_OUTPUTS = 3
"""Number of outputs of an RE: correction of the real part, of the imaginary part and of the error's logit."""
_FILE = "model.safetensors"
"""Name of the file of weights in its folder."""
_WIDTH = 32
"""Number of channels of the convolutions."""
_BLOCKS = 3
"""Number of residual blocks."""
_REACH = 7
"""Size of the kernels, along OFDM symbols and along subcarriers in turn."""


def build_network(seed: int = 0) -> TensorFlowModule:
    """Build residual convolutions over grids of any size with fresh weights.

    They map [N, symbols, subcarriers, NUM_FEATURES] to [..., NUM_OUTPUTS], float32. The weights of the last layer are
    zero, and so the outputs; `seed` draws the others.

    Raises:
        RuntimeError: TensorFlow is not installed.
    """
    tf = import_tensorflow()
    layers, seeds = tf.keras.layers, itertools.count(1000 * seed)

    def convolution(x: Any, size: tuple[int, int], activation: str | None = None) -> Any:
        start = tf.keras.initializers.GlorotUniform(next(seeds))
        return layers.Conv2D(_WIDTH, size, padding="same", activation=activation, kernel_initializer=start)(x)

    inputs = tf.keras.Input([None, None, NUM_FEATURES])
    x = convolution(inputs, (3, 3), "relu")
    for _ in range(_BLOCKS):
        inner = convolution(x, (1, _REACH), "relu")
        x = layers.ReLU()(layers.Add()([x, convolution(inner, (_REACH, 1))]))
    outputs = layers.Dense(NUM_OUTPUTS, kernel_initializer="zeros")(x)
    model = tf.keras.Model(inputs, outputs)
    return TensorFlowModule(model, [tf.TensorSpec([None, None, None, NUM_FEATURES])])


def save_estimator(estimator: NeuralEstimator, folder: Path) -> None:
    """Write the weights to `folder`, which is made if it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(estimator.state_dict(), folder / _FILE)


def load_estimator(folder: Path | None = None) -> NeuralEstimator:
    """Load an estimator that is not trained further, with the weights in `folder`; None: those in the package.

    Raises:
        FileNotFoundError: the folder holds no weights.
        ValueError: the weights are those of another network.
        RuntimeError: TensorFlow is not installed.
    """
    path = (folder or BUNDLED) / _FILE
    if not path.is_file():
        raise FileNotFoundError(f"neural_weights: there is no {path}; `taskwave train receiver FOLDER` writes one.")
    estimator = NeuralEstimator(build_network())
    stored, expected = load_file(path), estimator.state_dict()
    if {k: v.shape for k, v in stored.items()} != {k: v.shape for k, v in expected.items()}:
        raise ValueError(
            f"neural_weights: {path} holds other tensors than this network: use weights that "
            "`taskwave train receiver` of this version wrote."
        )
    estimator.load_state_dict(stored)
    return estimator.eval().requires_grad_(False)


def weights_digest(folder: Path | None = None) -> str:
    """Return the SHA-256 digest of the file that `load_estimator` reads: other weights give other results."""
    return hashlib.sha256(((folder or BUNDLED) / _FILE).read_bytes()).hexdigest()
