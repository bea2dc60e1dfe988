"""Random generators, derived from the identity of what they draw and never from the order in which it is drawn."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def generator(*identity: int) -> torch.Generator:
    """Make the CPU generator of the stream named by `identity` (non-negative integers), the same on every machine.

    Raises:
        ValueError: `identity` contains a negative number.
    """
    if any(i < 0 for i in identity):
        raise ValueError(f"seeds {identity} must not be negative: give integers from 0 on.")
    # SeedSequence fills short identities up with zeros: without their length, (s, k) and (s, k, 0, 0) were one stream.
    state = np.random.SeedSequence((len(identity), *identity)).generate_state(2, np.uint32)
    return torch.Generator().manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)


def stream_seed(seed: int, purpose: str, batch: int) -> int:
    """Derive the 63-bit seed of one stream of random numbers; other purposes and batches have unrelated streams."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{batch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def sionna_seed(seed: torch.Generator) -> Iterator[None]:
    """Set Sionna's process-wide CPU generator to the state of `seed` and restore its own state afterwards."""
    from sionna.phy import config as sionna_config  # noqa: PLC0415 - Sionna takes seconds to import

    rng = sionna_config.torch_rng("cpu")
    before = rng.get_state()
    rng.set_state(seed.get_state())
    try:
        yield
    finally:
        rng.set_state(before)
