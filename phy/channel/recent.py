"""What was computed lately and would be computed again, within a bound of memory."""

from collections.abc import Callable, Hashable

import torch


class Recent:
    """Keeps the tensors used last. They are shared: nobody may change one in place.

    Args:
        limit_bytes: of all tensors that are kept; a larger one is not kept at all.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._kept: dict[Hashable, torch.Tensor] = {}
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The tensor of `key`, made if it is not kept."""
        tensor = self._kept.pop(key, None)
        if tensor is None:
            tensor = make()
            if tensor.nbytes > self._limit:
                return tensor
            self._bytes += tensor.nbytes
        self._kept[key] = tensor
        while self._bytes > self._limit:
            self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
        return tensor
