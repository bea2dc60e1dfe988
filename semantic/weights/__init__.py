"""Trained weights and their loading.

A set of weights is a folder with the code of windows and their posterior: `roads`. The folders `locator`, `text` and
`surrogate` hold what all sets share. `bundle` loads them, `judges` loads judges, and `storage` says how networks lie on
the disk.
"""

from taskwave.semantic.weights.bundle import (
    Models,
    bundled_sets,
    check_target,
    folder_digest,
    load_models,
    load_task_network,
    load_text_encoder,
    quiet_libraries,
)
from taskwave.semantic.weights.storage import load_network, save_network

__all__ = [
    "Models",
    "bundled_sets",
    "check_target",
    "folder_digest",
    "load_models",
    "load_network",
    "load_task_network",
    "load_text_encoder",
    "quiet_libraries",
    "save_network",
]
