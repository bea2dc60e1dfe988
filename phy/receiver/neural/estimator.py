"""Channel estimation by a network that uses pilots and data: it corrects least-squares estimates in a few rounds.

The method is that of DeepRx (Honkala, Korpi, Huttunen 2021), but the network corrects the channel, not the bits:
symbols may be of any kind, also analog, and equalisation stays exact. Each round equalises with the present estimate,
and the part of the received signal that it does not explain goes into the network. Every pair of receive antenna and
layer goes through the same network, so that any number of antennas, layers, symbols and subcarriers is possible.
"""

import torch

from taskwave.phy.grid.allocation import NUM_SYMBOLS_PER_SLOT, Allocation
from taskwave.phy.receiver.equalization import lmmse_equalize
from taskwave.phy.receiver.estimation import Estimate

_ROUNDS = 2
"""Number of corrections."""
_LEAST_ERROR = 1e-5
"""Smallest error variance of the channel, as a share of its energy."""


class NeuralEstimator(torch.nn.Module):
    """Corrects least-squares estimates of the channel.

    Args:
        network: network as `taskwave.phy.receiver.neural.network.build_network` makes it.
    """

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        y: torch.Tensor,
        least_squares: Estimate,
        no: torch.Tensor,
        allocation: Allocation,
        doppler_per_symbol: float,
    ) -> Estimate:
        """Return channel and error variance at the data REs, in the shapes of `taskwave.phy.receiver.estimation`.

        Args:
            y: [B, rx, S, F] complex64, samples of the data REs, on any device.
            least_squares: estimate of `LinearInterpolator` from the pilots.
            no: [B] or [1] float32, variance of the complex noise of `y`.
            allocation: REs of pilots and data.
            doppler_per_symbol: largest Doppler shift times the duration of an OFDM symbol.
        """
        device, batch = y.device, len(y)
        y, no = y.cpu(), no.cpu()
        z, noise = (part.cpu() for part in least_squares)
        # The channel has energy one: the network starts from the least-squares estimate shrunk to its share of channel.
        error = (noise / (1 + noise))[:, None].expand(batch, *z.shape[1:])
        h_hat = z / (1 + noise[:, None])
        constant = self._constant(no, allocation, doppler_per_symbol).expand(*z.shape, -1)
        first = h_hat
        for _ in range(_ROUNDS):
            features = torch.cat((self._features(y, h_hat, error, no), _parts(first), constant), dim=-1)
            out = self.network(features.flatten(0, 2)).reshape(*z.shape, -1)
            h_hat = h_hat + torch.complex(out[..., 0], out[..., 1])
            error = torch.sigmoid(torch.logit(error, _LEAST_ERROR) + out[..., 2]).clamp_min(_LEAST_ERROR)
        return h_hat.to(device), error.mean(dim=1).to(device)

    @staticmethod
    def _features(y: torch.Tensor, h_hat: torch.Tensor, error: torch.Tensor, no: torch.Tensor) -> torch.Tensor:
        """Return the result of equalisation with `h_hat` and its residual, [B, rx, layers, S, F, 9] float32."""
        num_layers = h_hat.shape[2]
        h = h_hat.permute(0, 3, 4, 1, 2) / num_layers**0.5
        disturbance = error.mean(dim=(1, 2)) + no[:, None, None]
        x_hat, no_eff = lmmse_equalize(y.permute(0, 2, 3, 1), h, disturbance)
        trust = 1 / (1 + no_eff)
        x_hat = x_hat * trust
        rest = y.permute(0, 2, 3, 1) - (h @ x_hat.unsqueeze(-1)).squeeze(-1)
        rest = rest.permute(0, 3, 1, 2).unsqueeze(2).expand_as(h_hat)
        x_hat, trust = (v.permute(0, 3, 1, 2).unsqueeze(1).expand_as(h_hat) for v in (x_hat, trust))
        parts = [_parts(v) for v in (h_hat, x_hat, rest * x_hat.conj())]
        return torch.cat((*parts, trust.unsqueeze(-1), _parts(rest)), dim=-1)

    @staticmethod
    def _constant(no: torch.Tensor, allocation: Allocation, doppler_per_symbol: float) -> torch.Tensor:
        """Return features that do not depend on the received signal, [B or 1, 1, 1, S, F, 4] float32.

        They are the noise level, the distance to the nearest DMRS before and after, and the share of the channel's
        energy that the nearest DMRS does not determine, as the channel moves (Jakes).
        """
        data, dmrs = torch.tensor(allocation.data_ofdm_symbols), torch.tensor(allocation.dmrs)
        apart = data[:, None] - dmrs
        far = NUM_SYMBOLS_PER_SLOT
        since = torch.where(apart > 0, apart, far).amin(dim=1) / far
        until = torch.where(apart < 0, -apart, far).amin(dim=1) / far
        moved = 1 - torch.special.bessel_j0(2 * torch.pi * doppler_per_symbol * apart.abs().amin(dim=1)).square()
        shape = (len(no), len(data), allocation.num_subcarriers)
        columns = (no.log10()[:, None, None], *(c[:, None] for c in (since, until, moved)))
        return torch.stack([c.expand(shape) for c in columns], dim=-1)[:, None, None]


def _parts(values: torch.Tensor) -> torch.Tensor:
    """Return real and imaginary parts as a last dimension."""
    return torch.view_as_real(values)
