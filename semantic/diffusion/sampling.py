"""Samples of what windows may show, in a few steps."""

import torch

from taskwave.semantic.diffusion.posterior import Arrived, WindowPosterior


@torch.no_grad()
def sample(
    posterior: WindowPosterior, arrived: Arrived, count: int, generator: torch.Generator, steps: int = 1
) -> torch.Tensor:
    """Draw `count` samples of each of B windows, [count, B, 3, 32, 32], not clipped.

    Every step draws a residual of its level, and takes it down to the next level with fresh noise.

    Args:
        posterior: the network.
        arrived: what the receiver knows of the windows.
        count: number of samples.
        generator: generator of all draws.
        steps: number of steps; each calls the network once for all samples.

    Raises:
        ValueError: `count` or `steps` is less than one.
    """
    if count < 1 or steps < 1:
        raise ValueError(f"{count} samples in {steps} steps: at least one of each is needed")
    every = arrived.repeat(count)

    def white() -> torch.Tensor:
        return torch.randn(every.mean.shape, generator=generator)

    residual = noisy = white()
    for step in range(steps):
        level = 1 - step / steps
        if step:
            noisy = (1 - level) * residual + level * white()
        residual = posterior(noisy, torch.full((len(noisy),), level), every, white())
    shown = every.mean + posterior.sizes(every)[:, None, None, None] * residual
    separate: torch.Tensor = shown.unflatten(0, (count, -1))
    return separate
