"""Random generators derived from the identity of what they draw, never from the order in which things happen."""

import numpy as np
import torch


def generator(*identity: int) -> torch.Generator:
    """A CPU generator for the stream named by `identity` (non-negative integers), the same on every machine.

    Raises:
        ValueError: a negative number in `identity`.
    """
    if any(i < 0 for i in identity):
        raise ValueError(f"seeds {identity} must not be negative: give integers from 0 on.")
    # SeedSequence fills short identities up with zeros: without their length, (s, k) and (s, k, 0, 0) were one stream.
    state = np.random.SeedSequence((len(identity), *identity)).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
