"""The training of the image codec: a linear start, then the squared error of pixels with slightly noisy latents."""

import torch

from taskwave.semantic.codec.latents import LatentCodec, PatchAutoencoder
from taskwave.semantic.metrics import psnr
from taskwave.semantic.training.batches import ImagePool
from taskwave.semantic.training.fit import TrainingRun

CROP = (128, 128)
"""Size (h, w) of the crops in pixels."""
ZOOM = (0.5, 0.75)
"""Range of the resizing factor before cropping."""


def latent_statistics(model: PatchAutoencoder, pool: ImagePool) -> tuple[torch.Tensor, torch.Tensor]:
    """Measure mean and standard deviation of each latent channel, [C] each, over crops of the pool."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        batch = pool.draw(128, CROP, generator, ZOOM).images
        latents = model.encode(batch * 2 - 1).latent_dist.mode()
    return latents.mean((0, 2, 3)), latents.std((0, 2, 3))


def train_codec(model: PatchAutoencoder, run: TrainingRun) -> LatentCodec:
    """Train `model` and return the codec with its latent statistics.

    The latents carry white noise of random power (up to -25 dB) in training, so that the decoder is smooth. The
    validation reports the PSNR of whole images.
    """
    pool, val, batch = run.pool, run.val, run.batch
    if not run.begun:
        model.start_linear(pool.draw(512, CROP, torch.Generator().manual_seed(0), ZOOM).images)
    model = model.to(memory_format=torch.channels_last)
    fit = run.fit(model)
    whole = [val.whole(range(i, min(i + 16, len(val)))).images for i in range(0, len(val), 16)]

    def loss(generator: torch.Generator) -> torch.Tensor:
        images = pool.draw(batch, CROP, generator, ZOOM).images * 2 - 1
        latents = model.encode(images).latent_dist.mode()
        power = 10 ** (-2.5 - 2 * torch.rand(batch, 1, 1, 1, generator=generator))
        scale = latents.detach().float().std((0, 2, 3), keepdim=True) * power.sqrt().to(latents.device)
        noise = torch.randn(latents.shape, generator=generator).to(latents.device)
        error: torch.Tensor = model.decode(latents + scale * noise).sample - images
        return error.square().mean()

    @torch.no_grad()
    def validate() -> dict[str, float]:
        averaged = fit.averaged
        values = [
            psnr((averaged.decode(averaged.encode(x * 2 - 1).latent_dist.mode()).sample / 2 + 0.5).clamp(0, 1), x)  # type: ignore[operator]
            for x in whole
        ]
        return {"psnr_db": float(torch.cat(values).mean())}

    if not run.begun:
        run.monitor.note(f"codec: {validate()['psnr_db']:.2f} dB with the linear start")
    averaged = fit.run(loss, validate, run.monitor)
    return LatentCodec(averaged, *latent_statistics(averaged, pool))  # type: ignore[arg-type]
