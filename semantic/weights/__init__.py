"""Trained weights and their loading.

Each set of weights is a folder: `streets` (the default, under the licence of the code) and `camvid` (real streets,
research use only). The folder `text` holds the text encoder that all sets share. `bundle` loads and
saves sets, `judges` loads judges, and `storage` says how networks lie on the disk.
"""

from taskwave.semantic.weights.bundle import (
    Models,
    bundled_sets,
    check_target,
    folder_digest,
    forget_origin,
    load_models,
    load_task_network,
    quiet_libraries,
    save_models,
)
from taskwave.semantic.weights.storage import load_network, save_network

__all__ = [
    "Models",
    "bundled_sets",
    "check_target",
    "folder_digest",
    "forget_origin",
    "load_models",
    "load_network",
    "load_task_network",
    "quiet_libraries",
    "save_models",
    "save_network",
]
