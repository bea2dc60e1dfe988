"""Trained weights: one folder a set, `streets` (permissive default) and `camvid` (real streets, research use)."""

from taskwave.semantic.weights.bundle import (
    Models,
    bundled_sets,
    load_models,
    load_network,
    load_task_network,
    save_models,
)

__all__ = ["Models", "bundled_sets", "load_models", "load_network", "load_task_network", "save_models"]
