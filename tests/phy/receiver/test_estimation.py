"""Channel estimators against Sionna's, against the dense Wiener filter, and against each other."""

import numpy as np
import pytest
import torch
from scipy.special import j0

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import Csi, RadioConfig
from taskwave.phy.grid.allocation import Allocation, dmrs_symbols
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.estimation import LinearInterpolator, WienerInterpolator


def allocation(prb: int, symbols: int, layers: int) -> Allocation:
    return Allocation(prb, symbols, layers, dmrs_symbols(symbols, 1))


@pytest.mark.parametrize(("prb", "symbols", "layers"), [(1, 2, 1), (1, 2, 4), (3, 9, 2), (2, 14, 3)])
def test_least_squares_agrees_with_sionna(prb: int, symbols: int, layers: int) -> None:
    from sionna.phy.ofdm import LSChannelEstimator, ResourceGrid  # noqa: PLC0415 - slow to import

    a = allocation(prb, symbols, layers)
    grid = ResourceGrid(
        symbols, a.num_subcarriers, 30e3, 1, layers,
        pilot_pattern="kronecker", pilot_ofdm_symbol_indices=list(a.dmrs), device="cpu",
    )  # fmt: skip
    seed = torch.Generator().manual_seed(1)
    y = torch.randn((5, 1, 2, symbols, a.num_subcarriers), generator=seed, dtype=torch.complex64)
    reference, _ = LSChannelEstimator(grid, "lin", device="cpu")(y, torch.tensor(0.1))
    pilots = grid.pilot_pattern.pilots[0].reshape(layers, len(a.dmrs), -1)
    z = torch.stack([(y[:, 0, :, list(a.dmrs)] / pilots[i])[..., i::layers] for i in range(layers)], dim=2)
    h_hat, _ = LinearInterpolator(a).estimate(z, torch.tensor([0.1]))
    assert torch.allclose(h_hat, reference[:, 0, :, 0][..., list(a.data_ofdm_symbols), :], atol=1e-4)


@pytest.mark.parametrize("layers", [1, 2])
def test_least_squares_reports_the_noise_of_its_weights(layers: int) -> None:
    a = allocation(2, 9, layers)
    noise = torch.randn((4000, 1, layers, len(a.dmrs), 24 // layers), generator=torch.Generator().manual_seed(1),
                        dtype=torch.complex64)  # fmt: skip
    h_hat, err_var = LinearInterpolator(a).estimate(noise * 0.5, torch.tensor([0.25]))
    measured = h_hat.abs().square().mean(dim=(0, 1))
    # |CN|^2 has the standard deviation of its mean: five of them over 4000 trials.
    assert float((measured / err_var - 1).abs().max()) <= 5 / np.sqrt(4000)


@pytest.mark.parametrize(("prb", "symbols", "layers"), [(1, 2, 1), (1, 2, 4), (2, 14, 2)])
def test_wiener_filter_is_the_dense_two_dimensional_one(prb: int, symbols: int, layers: int) -> None:
    a, no, doppler, spacing = allocation(prb, symbols, layers), 0.2, 0.01, 30e3
    delays, powers = np.array([0.0, 2e-7, 9e-7]), np.array([0.5, 0.3, 0.2])
    z = torch.randn((3, 2, layers, len(a.dmrs), a.num_subcarriers // layers), dtype=torch.complex64,
                    generator=torch.Generator().manual_seed(1))  # fmt: skip
    wiener = WienerInterpolator(a, torch.tensor(delays), torch.tensor(powers), spacing, doppler)
    h_hat, err_var = wiener.estimate(z, torch.tensor([no]))

    def covariance(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        time = j0(2 * np.pi * doppler * (rows[:, None, 0] - columns[None, :, 0]))
        lag = (rows[:, None, 1] - columns[None, :, 1])[..., None]
        return time * (np.exp(-2j * np.pi * spacing * lag * delays) @ powers)

    targets = np.array([(s, f) for s in a.data_ofdm_symbols for f in range(a.num_subcarriers)])
    for layer in range(layers):
        pilots = np.array([(s, f) for s in a.dmrs for f in range(layer, a.num_subcarriers, layers)])
        inverse = np.linalg.inv(covariance(pilots, pilots) + no * np.eye(len(pilots)))
        gain = covariance(targets, pilots) @ inverse
        expected = z[:, :, layer].reshape(6, -1).numpy() @ gain.T
        error = 1 - np.einsum("ij,ij->i", gain, covariance(pilots, targets).T).real
        assert np.allclose(h_hat[:, :, layer].reshape(6, -1).numpy(), expected, atol=1e-4)
        assert np.allclose(err_var[0, layer].flatten().numpy(), error, atol=1e-5)


def channel_error(csi: Csi, es_n0_db: float) -> float:
    """Mean energy of h_hat - h over that of h."""
    radio = Radio(RadioConfig.model_validate({"channel": "tdl-c", "csi": csi}))
    signals: dict[str, torch.Tensor] = {}
    sent = torch.ones(64, 400, dtype=torch.complex64)
    radio.tap = signals.__setitem__
    SymbolLink(radio).send(sent, AirInterface(radio.config, radio.draw(64, 1, 1), es_n0_db, 1).forward(0))
    return float((signals["h_hat"] - signals["h"]).abs().square().mean() / signals["h"].abs().square().mean())


@pytest.mark.parametrize("es_n0_db", [-5.0, 10.0])
def test_better_knowledge_means_less_error(es_n0_db: float) -> None:
    perfect, lmmse, ls = (channel_error(csi, es_n0_db) for csi in ("perfect", "lmmse", "ls"))
    assert perfect == 0.0
    assert perfect < lmmse < 0.8 * ls
