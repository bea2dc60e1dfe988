"""LMMSE equalisation of spatial layers in white noise."""

import torch

_LARGE_ERROR = 0.999
"""Error variance above which one minus it is no longer computed as a difference."""


def _energy(x: torch.Tensor) -> torch.Tensor:
    """Return the squared magnitude of complex `x`."""
    return torch.view_as_real(x).square().sum(-1)


def _gram(a: torch.Tensor, b: torch.Tensor, precision: torch.Tensor) -> torch.Tensor:
    """Return a^H b / no, where `precision` is 1 / no."""
    return (a.conj() * b).sum(0) * precision


def _factor(gram: list[list[torch.Tensor]]) -> tuple[list[list[torch.Tensor]], list[torch.Tensor]]:
    """Factor (I + G)^-1 = T^H D T from the lower triangle of G: T below its diagonal of ones, and the diagonal of D.

    It follows from I + G = L D^-1 L^H with T = L^-1 (Golub and Van Loan 2013, section 4.1.2).
    """
    size = len(gram)
    scaled: list[list[torch.Tensor]] = [[] for _ in range(size)]  # L D^-1
    lower: list[list[torch.Tensor]] = [[] for _ in range(size)]
    inverse: list[list[torch.Tensor]] = [[] for _ in range(size)]
    diagonal: list[torch.Tensor] = []
    for i in range(size):
        for j in range(i):
            scaled[i].append(sum((-scaled[i][k] * lower[j][k].conj() for k in range(j)), gram[i][j]))
            lower[i].append(scaled[i][j] * diagonal[j])
        left = sum((-(scaled[i][k] * lower[i][k].conj()).real for k in range(i)), 1.0 + gram[i][i].real)
        diagonal.append(1.0 / left)
        for j in range(i):
            inverse[i].append(sum((-lower[i][k] * inverse[k][j] for k in range(j + 1, i)), -lower[i][j]))
    return inverse, diagonal


def _signal_share(
    gram: list[list[torch.Tensor]], inverse: list[list[torch.Tensor]], error: list[torch.Tensor]
) -> torch.Tensor:
    """Return 1 - E_kk = [G E]_kk, [..., K], without the difference of nearly equal numbers."""
    size = len(error)
    one = torch.ones_like(inverse[-1][0])
    factor = [[*row, one] for row in inverse]

    def covariance(j: int, k: int) -> torch.Tensor:
        return torch.stack([factor[i][j].conj() * error[i] * factor[i][k] for i in range(max(j, k), size)]).sum(0)

    def product(k: int) -> torch.Tensor:
        terms = [(gram[k][j] if j <= k else gram[j][k].conj()) * covariance(j, k) for j in range(size)]
        return torch.stack(terms).sum(0).real

    return torch.stack([product(k) for k in range(size)], dim=-1)


def lmmse_equalize(y: torch.Tensor, h: torch.Tensor, no: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return unbiased LMMSE estimates of the layers and their error variance.

    With E = (I + H^H H / no)^-1 the estimate of layer k is [E H^H y / no]_k / (1 - E_kk), of error variance
    E_kk / (1 - E_kk) (Kay 1993, theorem 11.1, with the bias taken out).

    Args:
        y: [..., M] complex, received samples of M antennas.
        h: [..., M, K] complex, channels of K layers of unit symbol energy.
        no: [...] real, broadcastable, variance of the complex noise of each antenna.

    Returns:
        symbols [..., K] complex and noise variance [..., K] real, both of the precision of `y`.
    """
    # Antennas and layers come first, and all arithmetic is element by element over the rest: batched products and
    # inverses of small matrices take twice as long.
    columns = h.movedim((-1, -2), (0, 1)).contiguous().unbind()
    received, precision = y.movedim(-1, 0).contiguous(), 1.0 / no
    matched = [(column.conj() * received).sum(0) * precision for column in columns]
    if len(columns) == 1:
        energy = _energy(columns[0]).sum(0) * precision
        return (matched[0] / energy).unsqueeze(-1), (1.0 / energy).unsqueeze(-1)
    gram = [[_gram(a, b, precision) for b in columns[: i + 1]] for i, a in enumerate(columns)]
    inverse, error = _factor(gram)
    num_layers = len(columns)
    whitened = [sum((inverse[i][j] * matched[j] for j in range(i)), matched[i]) * error[i] for i in range(num_layers)]
    estimate = torch.stack(
        [
            sum((inverse[j][i].conj() * whitened[j] for j in range(i + 1, num_layers)), whitened[i])
            for i in range(num_layers)
        ],
        dim=-1,
    )
    variance = torch.stack(
        [
            sum((_energy(inverse[j][i]) * error[j] for j in range(i + 1, num_layers)), error[i])
            for i in range(num_layers)
        ],
        dim=-1,
    )
    share = 1.0 - variance
    if bool((variance > _LARGE_ERROR).any()):
        share = torch.where(variance > _LARGE_ERROR, _signal_share(gram, inverse, error), share)
    return estimate / share, variance / share
