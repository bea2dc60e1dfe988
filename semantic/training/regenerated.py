"""Pictures as the semantic links regenerate them, for the training of task networks."""

import torch

from taskwave.semantic.codec import LatentCodec
from taskwave.semantic.general import GeneralCode
from taskwave.semantic.prior import RegenerationPipeline
from taskwave.semantic.training.general import add_noise
from taskwave.semantic.training.prior import draw_received


class Regenerator:
    """One picture through general code, random received detail and reverse diffusion (a `Damage`)."""

    def __init__(self, codec: LatentCodec, general: GeneralCode, prior: RegenerationPipeline) -> None:
        self.codec, self.general, self.prior = codec, general, prior

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """[3, H, W] in [0, 1] to the same shape; H and W multiples of 32."""
        latents = self.codec.encode(image[None]).float()
        height, width = latents.shape[-2:]
        received, variance = add_noise(self.general.encode(latents), generator)
        coarse = self.general.decode(received, variance, height, width).float()
        level = draw_received(latents.shape, generator).to(latents.device)
        if float(torch.rand((), generator=generator)) < 0.25:
            level = torch.ones_like(level)
        spread = torch.where(level < 1, (level * (torch.pi / 2)).tan().square(), torch.inf)
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        observed = torch.where(level < 1, latents + spread.sqrt() * noise, 0)
        fresh = torch.randn(latents.shape, generator=generator).to(latents.device)
        mean = float(torch.rand((), generator=generator)) < 0.7
        steps = 1 if mean else 6
        regenerated = self.prior(observed, spread, coarse, fresh * (not mean), num_inference_steps=steps)
        return self.codec.decode(regenerated)[0].to(image)
