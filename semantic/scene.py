"""What the transmitter sends of a picture: its latents, and what it sees in them.

The meaning of a token is the share of each class in it, as a task network sees it. Both travel in one analog code, so
that at few symbols or much noise the receiver still learns what is where, and the prior paints it. No task is known for
this: all classes are described alike.
"""

import torch
from torch.nn import functional

from taskwave.semantic.codec import PATCH


def scene(latents: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Latents [B, C, h, w] and class logits [B, K, 8h, 8w] to [B, C + K, h, w]: latents, then class shares in 0…1."""
    return torch.cat([latents, functional.avg_pool2d(logits.float().softmax(1), PATCH)], dim=1)
