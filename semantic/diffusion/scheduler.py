"""Noise levels of tokens, and the steps of the reverse process that lowers all of them together.

A token at level t in [0, 1] is x = cos(pi t / 2) z + sin(pi t / 2) n with clean z and white n, both of unit power:
t = 1 is pure noise (never sent), and a token received over noise of variance s2 is, after scaling, at
t = 2/pi * atan(sqrt(s2)). The network predicts v = cos n - sin z (Salimans and Ho 2022); levels per token follow
Diffusion Forcing (Chen et al. 2024).
"""

import math
from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin


def level_of_noise(noise_variance: torch.Tensor) -> torch.Tensor:
    """Return the level in [0, 1] of tokens received with additive noise of this variance per real number.

    A variance of inf gives level 1.
    """
    return torch.atan(noise_variance.sqrt()) * (2 / math.pi)


def signal_and_noise(level: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the amplitudes (cos, sin) of signal and noise at `level`."""
    angle = level * (math.pi / 2)
    return angle.cos(), angle.sin()


@dataclass
class TokenSchedulerOutput:
    """Holds the result of one step; the names are those of diffusers."""

    prev_sample: torch.Tensor
    """Tokens [B, C, h, w] at their next level."""
    pred_original_sample: torch.Tensor
    """Estimate of the clean tokens [B, C, h, w]."""


class TokenScheduler(SchedulerMixin, ConfigMixin):  # type: ignore[misc]
    """Moves every token from its own level to its next one in deterministic steps (DDIM, Song et al. 2021).

    `timesteps` are the global levels, from 1 downwards; a token whose own level is below the global one stays as it is
    until the global level has reached its own.
    """

    order = 1

    @register_to_config
    def __init__(self, num_inference_steps: int = 8) -> None:
        self.set_timesteps(num_inference_steps)

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device = "cpu") -> None:
        """Space `num_inference_steps` global levels evenly from 1 to 0.

        Raises:
            ValueError: `num_inference_steps` is less than one.
        """
        if num_inference_steps < 1:
            raise ValueError(f"num_inference_steps is {num_inference_steps}; at least 1 is needed")
        self.timesteps = torch.linspace(1, 0, num_inference_steps + 1, device=device)[:-1]
        self.next_levels = torch.cat([self.timesteps[1:], torch.zeros(1, device=device)])

    def step(
        self, model_output: torch.Tensor, level: torch.Tensor, next_level: torch.Tensor, sample: torch.Tensor
    ) -> TokenSchedulerOutput:
        """Move tokens `sample` from `level` to `next_level`, given the predicted v `model_output`.

        All four are [B, C, h, w].
        """
        signal, noise = signal_and_noise(level)
        clean = signal * sample - noise * model_output
        eps = noise * sample + signal * model_output
        next_signal, next_noise = signal_and_noise(next_level)
        return TokenSchedulerOutput(next_signal * clean + next_noise * eps, clean)
