"""The convolutional network of the neural receiver, in Keras."""

import itertools
from typing import Any

from taskwave.phy.tensorflow_bridge import TensorFlowModule, import_tensorflow

NUM_FEATURES = 15
NUM_OUTPUTS = 3
_WIDTH = 32
_BLOCKS = 3
_REACH = 7
"""Size of the kernels, along OFDM symbols and along subcarriers in turn."""


def build_network(seed: int = 0) -> TensorFlowModule:
    """Residual convolutions over the grid: [N, symbols, subcarriers, NUM_FEATURES] to [..., NUM_OUTPUTS], float32.

    Of any size. The outputs of fresh weights are zero; `seed` draws the others.

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
