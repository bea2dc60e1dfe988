"""LMMSE equalisation of spatial layers in white noise."""

import torch


def lmmse_equalize(y: torch.Tensor, h: torch.Tensor, no: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Unbiased LMMSE estimates of the layers and their error variance.

    With E = (I + H^H H / no)^-1 the estimate of layer k is [E H^H y / no]_k / (1 - E_kk), of error variance
    E_kk / (1 - E_kk) (Kay 1993, theorem 11.1, with the bias taken out).

    Args:
        y: [..., M] complex, received samples of M antennas.
        h: [..., M, K] complex, channels of K layers of unit symbol energy.
        no: [...] real, broadcastable, variance of the complex noise of each antenna.

    Returns:
        symbols [..., K] complex and noise variance [..., K] real, both of the precision of `y`.
    """
    no = no.unsqueeze(-1)
    matched = (h.mH @ y.unsqueeze(-1)).squeeze(-1) / no
    gram = h.mH @ h / no.unsqueeze(-1)
    num_layers = h.shape[-1]
    if num_layers == 1:
        energy = gram[..., 0].real
        return matched / energy, 1.0 / energy
    if num_layers == 2:
        # Closed form: batched 2x2 inversion through LAPACK is ten times slower.
        a, d, b = 1.0 + gram[..., 0, 0].real, 1.0 + gram[..., 1, 1].real, gram[..., 0, 1]
        det = a * d - b.abs().square()
        estimate = torch.stack(
            (d * matched[..., 0] - b * matched[..., 1], a * matched[..., 1] - b.conj() * matched[..., 0]), dim=-1
        ) / det.unsqueeze(-1)
        error = torch.stack((d, a), dim=-1) / det.unsqueeze(-1)
    else:
        inverse = torch.linalg.inv(gram + torch.eye(num_layers, dtype=gram.dtype, device=gram.device))
        estimate = (inverse @ matched.unsqueeze(-1)).squeeze(-1)
        error = inverse.diagonal(dim1=-2, dim2=-1).real
    return estimate / (1.0 - error), error / (1.0 - error)
