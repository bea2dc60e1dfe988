"""Weights of the neural receiver as a file."""

import hashlib
from pathlib import Path

from safetensors.torch import load_file, save_file

from taskwave.phy.neural_receiver.estimator import NeuralEstimator
from taskwave.phy.neural_receiver.network import build_network

BUNDLED = Path(__file__).parent / "bundled"
"""Folder of those in the package."""
_FILE = "model.safetensors"


def save_estimator(estimator: NeuralEstimator, folder: Path) -> None:
    """Write the weights to `folder`, which is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(estimator.state_dict(), folder / _FILE)


def load_estimator(folder: Path | None = None) -> NeuralEstimator:
    """An estimator that is not trained further, with the weights in `folder`, those in the package if None.

    Raises:
        FileNotFoundError: no weights there.
        ValueError: weights of another network.
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
    """Of the file that `load_estimator` reads: other weights, other results."""
    return hashlib.sha256(((folder or BUNDLED) / _FILE).read_bytes()).hexdigest()
