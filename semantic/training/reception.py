"""What a receiver may hold of a picture, drawn at random: the situations all regenerating networks are trained in."""

import torch
from torch.nn import functional

from taskwave.semantic.codec.analog import CELL
from taskwave.semantic.codec.detail import Holding

ES_N0_DB = (-10.0, 22.0)
"""Range of the mean SNR after equalisation."""
COPIES_DB = 9.0
"""What repetition of the first layer may add to its SNR."""


def draw_cells(batch: int, grid: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Random cells [B, 1, r, c], bool: all of them for a quarter of the images, else some compact regions."""
    rows, columns = grid
    rough = torch.randn(batch, 1, max(2, rows // 2), max(2, columns // 2), generator=generator)
    field = functional.interpolate(rough, grid, mode="bilinear", align_corners=False)
    field = field + 0.5 * torch.randn(batch, 1, *grid, generator=generator)
    everywhere = torch.rand(batch, 1, 1, 1, generator=generator) < 0.25
    threshold = 2.4 * torch.rand(batch, 1, 1, 1, generator=generator) - 0.8
    return (field > threshold) | everywhere


def _noise_db(shape: tuple[int, int, int, int], generator: torch.Generator) -> torch.Tensor:
    """SNR [dB] of symbols: one mean per image, a spread of several dB as equalised subcarriers and layers have."""
    low, high = ES_N0_DB
    mean = low + (high - low) * torch.rand(shape[0], 1, 1, 1, generator=generator)
    spread = 6 * torch.rand(shape[0], 1, 1, 1, generator=generator) * torch.randn(shape, generator=generator)
    return mean + spread.clamp(-15, 10)


def receive(
    symbols: torch.Tensor, latents: torch.Tensor, layers: tuple[int, ...], generator: torch.Generator
) -> Holding:
    """Code symbols [B, S, r, c] and latents [B, C, h, w] over random fading-like channels.

    The first layer always arrives. Beyond it a fifth of the images hold nothing; the others hold, in random cells, one
    further layer, all layers, the first channels of every token with a power slope, or all of these. Half of them have
    heard the first layer of these cells several times. Differentiable with respect to `symbols`.
    """
    batch, count, rows, columns = symbols.shape
    device = symbols.device
    cells = draw_cells(batch, (rows, columns), generator).to(device)
    kind = torch.randint(5, (batch, 1, 1, 1), generator=generator).to(device)

    limit = torch.tensor([0, layers[1], count - layers[0], 0, count - layers[0]], device=device)[kind]
    index = torch.arange(count, device=device).reshape(1, -1, 1, 1)
    general = (index < layers[0]).expand_as(symbols)
    detail = ~general & (index < layers[0] + limit) & cells
    energy = (symbols.abs().square() * detail).sum((1, 2, 3), keepdim=True)
    power = torch.where(general, 1.0, energy / detail.sum((1, 2, 3), keepdim=True).clamp_min(1)).clamp_min(1e-6)
    copies = COPIES_DB * (2 * torch.rand(batch, 1, 1, 1, generator=generator) - 1).clamp_min(0).to(device)
    db = _noise_db((batch, count, rows, columns), generator).to(device) + copies * (general & cells & (kind > 0))
    variance = 10 ** (-db / 10) * power
    noise = torch.view_as_complex(torch.randn(batch, count, rows, columns, 2, generator=generator)).to(device)
    sent = general | detail
    received = torch.where(sent, symbols + noise * (variance / 2).sqrt(), 0)

    channel = torch.arange(latents.shape[1], device=device).reshape(1, -1, 1, 1)
    numbers = 2 * torch.randint(2, latents.shape[1] // 2 + 1, (batch, 1, 1, 1), generator=generator).to(device)
    tokens = cells.repeat_interleave(CELL, 2).repeat_interleave(CELL, 3) & (kind > 2) & (channel < numbers)
    slope = 11 * torch.rand(batch, 1, 1, 1, generator=generator).to(device)
    db = _noise_db(tuple(latents.shape), generator).to(device) - slope * (channel / numbers - 0.5)  # type: ignore[arg-type]
    latent_variance = 10 ** (-db / 10)
    white = torch.randn(latents.shape, generator=generator).to(device)
    noisy = torch.where(tokens, latents + latent_variance.sqrt() * white, 0)
    return Holding(
        received, variance.masked_fill(~sent, torch.inf), noisy, latent_variance.masked_fill(~tokens, torch.inf)
    )
