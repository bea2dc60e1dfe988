"""Random receptions: what a receiver may hold of an image, for the training of all networks that regenerate."""

import torch
from torch.nn import functional

from taskwave.semantic.codec.analog import CELL
from taskwave.semantic.codec.detail import Holding

ES_N0_DB = (-10.0, 22.0)
"""Range of the mean SNR after equalisation, dB."""
COPIES_DB = 9.0
"""Largest gain in SNR of the first layer by repetition, dB."""


def draw_cells(batch: int, grid: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
    """Draw random cells [B, 1, r, c], bool: all of them for a quarter of the images, else some compact regions."""
    rows, columns = grid
    rough = torch.randn(batch, 1, max(2, rows // 2), max(2, columns // 2), generator=generator)
    field = functional.interpolate(rough, grid, mode="bilinear", align_corners=False)
    field = field + 0.5 * torch.randn(batch, 1, *grid, generator=generator)
    everywhere = torch.rand(batch, 1, 1, 1, generator=generator) < 0.25
    threshold = 2.4 * torch.rand(batch, 1, 1, 1, generator=generator) - 0.8
    return (field > threshold) | everywhere


def _noise_db(shape: tuple[int, int, int, int], generator: torch.Generator) -> torch.Tensor:
    """Draw the SNR of symbols in dB: one mean per image, a spread as equalised subcarriers and layers have."""
    low, high = ES_N0_DB
    mean = low + (high - low) * torch.rand(shape[0], 1, 1, 1, generator=generator)
    spread = 6 * torch.rand(shape[0], 1, 1, 1, generator=generator) * torch.randn(shape, generator=generator)
    return mean + spread.clamp(-15, 10)


def receive(
    symbols: torch.Tensor, latents: torch.Tensor, code_layers: tuple[int, ...], generator: torch.Generator
) -> Holding:
    """Draw what is received of code symbols and latents over random channels that resemble fading.

    The first code layer always arrives. Beyond it a fifth of the images hold nothing; the others hold, in random cells,
    one further layer, all layers, the first channels of every token with a power slope, or all of these. Half of them
    have received the first layer of these cells several times. Differentiable with respect to `symbols`.

    Args:
        symbols: symbols of the analog code, [B, S, r, c], complex.
        latents: latents [B, C, h, w].
        code_layers: complex symbols per cell of each code layer, with sum S.
        generator: generator of the randomness, on the CPU.
    """
    batch, count, rows, columns = symbols.shape
    device = symbols.device
    cells = draw_cells(batch, (rows, columns), generator).to(device)
    kind = torch.randint(5, (batch, 1, 1, 1), generator=generator).to(device)

    refining = count - code_layers[0]
    limit = torch.tensor([0, code_layers[1], refining, 0, refining], device=device)[kind]
    index = torch.arange(count, device=device).reshape(1, -1, 1, 1)
    general = (index < code_layers[0]).expand_as(symbols)
    detail = ~general & (index < code_layers[0] + limit) & cells
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
