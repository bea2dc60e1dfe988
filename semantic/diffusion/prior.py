"""The prior, a network that denoises latents, and the pipeline that regenerates with it.

Every token, and every number in it, has a noise level of its own.
"""

from typing import cast

import torch
from diffusers import DiffusionPipeline, UNet2DModel

from taskwave.semantic.diffusion.scheduler import TokenScheduler, level_of_noise, signal_and_noise


def build_unet(
    latent_channels: int = 16, scene_channels: int = 27, widths: tuple[int, ...] = (96, 112, 112)
) -> UNet2DModel:
    """Build the network of the prior, a `UNet2DModel` of diffusers.

    Its input is noisy tokens, coarse scene and level maps, its output a residual of v, which starts at zero.
    """
    unet = UNet2DModel(
        in_channels=2 * latent_channels + scene_channels,
        out_channels=latent_channels,
        block_out_channels=widths,
        layers_per_block=1,
        down_block_types=("DownBlock2D",) * len(widths),
        up_block_types=("UpBlock2D",) * len(widths),
        norm_num_groups=16,
        add_attention=True,
        attention_head_dim=32,
    )
    torch.nn.init.zeros_(unet.conv_out.weight)
    torch.nn.init.zeros_(unet.conv_out.bias)
    return unet


def predict_velocity(
    unet: torch.nn.Module, sample: torch.Tensor, coarse: torch.Tensor, level: torch.Tensor
) -> torch.Tensor:
    """Predict v for tokens `sample` at `level`, both [B, C, h, w], given the `coarse` scene [B, C + K, h, w].

    The network learns a residual: with an output of zero the clean estimate is the coarse latents where nothing was
    received (level 1) and the sample where it is free of noise (level 0), cos^2 to sin^2 between.
    """
    # The time embedding of UNet2DModel takes one number per image, the mean level; the maps are input channels.
    timestep = level.mean((1, 2, 3)) * 1000
    residual = cast(torch.Tensor, unet(torch.cat([sample, coarse, level], dim=1), timestep).sample)
    _, noise = signal_and_noise(level)
    return residual - noise * coarse[:, : sample.shape[1]]


class RegenerationPipeline(DiffusionPipeline):  # type: ignore[misc]
    """Regenerates clean latents from tokens as received, with their noise variances, in at most a few steps.

    Coarse regeneration (nothing received), refinement (some tokens received) and channel denoising (all received) are
    the same call.
    """

    def __init__(self, unet: UNet2DModel, scheduler: TokenScheduler) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        received: torch.Tensor,
        noise_variance: torch.Tensor,
        coarse: torch.Tensor,
        noise: torch.Tensor,
        num_inference_steps: int = 8,
    ) -> torch.Tensor:
        """Regenerate latents.

        Args:
            received: latents plus noise, [B, C, h, w]; any value where nothing was received.
            noise_variance: noise variance of each real number, [B, C, h, w], inf where nothing was received.
            coarse: scene decoded from the analog code, [B, C + K, h, w].
            noise: white noise of unit power, [B, C, h, w], with which tokens that were never received start; zeros
                and one step give the posterior mean.
            num_inference_steps: number of steps of the reverse process.

        Returns:
            Clean latents [B, C, h, w].
        """
        scheduler = cast(TokenScheduler, self.scheduler)
        scheduler.set_timesteps(num_inference_steps, device=received.device)
        start = level_of_noise(noise_variance)
        signal, _ = signal_and_noise(start)
        sample = torch.where(start < 1, signal * received, noise)
        clean = sample
        for top, bottom in zip(scheduler.timesteps, scheduler.next_levels, strict=True):
            level, next_level = start.clamp(max=float(top)), start.clamp(max=float(bottom))
            velocity = predict_velocity(self.unet, sample, coarse, level)
            out = scheduler.step(velocity, level, next_level, sample)
            sample, clean = out.prev_sample, out.pred_original_sample
        return clean
