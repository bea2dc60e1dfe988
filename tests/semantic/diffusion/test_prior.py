"""Noise levels of tokens, and the reverse process."""

import math

import pytest
import torch

from taskwave.semantic.diffusion.prior import RegenerationPipeline, build_unet
from taskwave.semantic.diffusion.scheduler import TokenScheduler, level_of_noise, signal_and_noise


def test_level_of_received_noise_is_the_level_of_its_snr() -> None:
    variance = torch.tensor([0.0, 0.1, 1.0, 9.0, torch.inf])
    level = level_of_noise(variance)
    signal, noise = signal_and_noise(level[1:4])
    torch.testing.assert_close((noise / signal).square(), variance[1:4])
    assert level[0] == 0 and level[2] == pytest.approx(0.5) and level[4] == 1


class Oracle(torch.nn.Module):
    """Predicts v without error, because it holds the clean latents."""

    def __init__(self, clean: torch.Tensor) -> None:
        super().__init__()
        self.clean = clean

    def forward(self, x: torch.Tensor, timestep: torch.Tensor) -> object:
        sample, coarse, level = x.chunk(3, dim=1)
        signal, noise = signal_and_noise(level)
        eps = (sample - signal * self.clean) / noise.clamp_min(1e-6)
        velocity = signal * eps - noise * self.clean
        return type("Output", (), {"sample": velocity + noise * coarse})()


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_with_a_perfect_network_every_token_comes_down_to_its_clean_value(steps: int) -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.randn(2, 16, 8, 8, generator=generator)
    variance = torch.full(clean.shape, torch.inf)
    variance[:, :, 2:6] = 10 ** torch.empty(2, 16, 4, 8).uniform_(-2, 1, generator=generator)
    observed = torch.where(variance.isinf(), 0, clean + variance.sqrt() * torch.randn(clean.shape, generator=generator))
    pipeline = RegenerationPipeline(build_unet(16, 16, (32, 32)), TokenScheduler())
    pipeline.unet = Oracle(clean)
    noise = torch.randn(clean.shape, generator=generator)
    coarse = torch.randn(clean.shape, generator=generator)
    out = pipeline(observed, variance, coarse, noise, num_inference_steps=steps)
    torch.testing.assert_close(out, clean, atol=2e-3, rtol=1e-3)


def test_an_untrained_prior_gives_the_coarse_latents_and_what_was_received_cleanly() -> None:
    coarse, received = torch.randn(2, 1, 16, 8, 8, generator=torch.Generator().manual_seed(1))
    variance = torch.full(coarse.shape, torch.inf)
    variance[..., :3] = 0
    pipeline = RegenerationPipeline(build_unet(16, 16, (32, 32)), TokenScheduler())
    out = pipeline(received, variance, coarse, torch.zeros_like(coarse), num_inference_steps=1)
    torch.testing.assert_close(out, torch.where(variance.isinf(), coarse, received))


def test_a_token_waits_until_the_global_level_reaches_its_own() -> None:
    scheduler = TokenScheduler(4)
    assert scheduler.timesteps.tolist() == [1.0, 0.75, 0.5, 0.25]
    sample = torch.randn(1, 4, 2, 2)
    low = torch.full_like(sample, 0.3)
    out = scheduler.step(torch.randn(1, 4, 2, 2), low, low, sample)
    torch.testing.assert_close(out.prev_sample, sample)


def test_ddim_step_matches_its_closed_form() -> None:
    clean, eps = torch.randn(2, 1, 4, 3, 3)
    at = lambda t: math.cos(math.pi * t / 2) * clean + math.sin(math.pi * t / 2) * eps  # noqa: E731
    velocity = math.cos(math.pi * 0.4) * eps - math.sin(math.pi * 0.4) * clean
    level, lower = torch.full_like(clean, 0.8), torch.full_like(clean, 0.6)
    out = TokenScheduler().step(velocity, level, lower, at(0.8))
    torch.testing.assert_close(out.prev_sample, at(0.6))
    torch.testing.assert_close(out.pred_original_sample, clean)


def test_zero_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="num_inference_steps is 0"):
        TokenScheduler().set_timesteps(0)


def test_scheduler_configuration_survives_saving(tmp_path: object) -> None:
    TokenScheduler(5).save_pretrained(tmp_path)
    assert len(TokenScheduler.from_pretrained(tmp_path).timesteps) == 5
