"""Max-log logits from the candidates of a tree search."""

import torch
from sionna.phy.mimo import List2LLR


class MaxLogOfCandidates(List2LLR):  # type: ignore[misc]
    """Computes max-log logits. Sionna's own class compiles itself when first called, which needs a compiler.

    Args:
        num_bits: number of bits of a symbol.
        largest: magnitude to which logits are limited; a bit that is the same in all candidates has it.
    """

    def __init__(self, num_bits: int, largest: float) -> None:
        super().__init__(device="cpu")
        points = torch.arange(2**num_bits)[:, None]
        self._labels = (points >> torch.arange(num_bits - 1, -1, -1) & 1).bool()
        self._largest = largest

    def call(
        self, y: torch.Tensor, r: torch.Tensor, dists: torch.Tensor, path_inds: torch.Tensor, path_syms: torch.Tensor
    ) -> torch.Tensor:
        """Return the logits log P(1) / P(0), [N, streams, num_bits].

        Args:
            y: not used, part of the interface of Sionna.
            r: not used, part of the interface of Sionna.
            dists: [N, paths] float32, squared distances in complex noise of unit variance.
            path_inds: [N, paths, streams] int32, constellation points of the candidates.
            path_syms: not used, part of the interface of Sionna.
        """
        ones = self._labels[path_inds]
        exponent = dists[..., None, None]
        zero, one = (exponent.masked_fill(wrong, torch.inf).amin(dim=1) for wrong in (ones, ~ones))
        return (zero - one).clamp(-self._largest, self._largest)
