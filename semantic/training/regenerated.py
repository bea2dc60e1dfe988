"""Pictures as the semantic links regenerate them, for the training of task networks."""

import torch
from torch import nn

from taskwave.semantic.codec import LatentCodec
from taskwave.semantic.general import GeneralCode
from taskwave.semantic.prior import RegenerationPipeline
from taskwave.semantic.scene import scene
from taskwave.semantic.training.reception import receive


class Regenerator:
    """One picture through general code, random received detail and reverse diffusion (a `Damage`)."""

    def __init__(
        self, codec: LatentCodec, general: GeneralCode, prior: RegenerationPipeline, parser: nn.Module
    ) -> None:
        self.codec, self.general, self.prior, self.parser = codec, general, prior, parser.eval()

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """[3, H, W] in [0, 1] to the same shape; H and W multiples of 32."""
        latents = self.codec.encode(image[None]).float()
        scenes = scene(latents, self.parser(image[None]))
        held = receive(self.general.encode(scenes), latents, self.general.layers, generator)
        coarse = self.general.decode(held.symbols, held.symbol_noise).float()
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        mean = float(torch.rand((), generator=generator)) < 0.8
        regenerated = self.prior(
            held.latents, held.latent_noise, coarse, noise * (not mean), num_inference_steps=1 if mean else 6
        )
        return self.codec.decode(regenerated)[0].to(image)
