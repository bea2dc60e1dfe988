"""Checks of LMMSE equalisation: SINR by formula, error variance as reported, calibrated logits."""

import itertools
import math

import numpy as np
import torch

from taskwave.phy.channel.air import AirInterface
from taskwave.phy.coding.mcs import mcs
from taskwave.phy.config.radio import Channel, Csi, RadioConfig
from taskwave.phy.drawing import COLOURS, GREY, label, panels
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.links.transport import TransportLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.equalization import lmmse_equalize
from taskwave.phy.seeds import generator
from taskwave.phy.theory import lmmse_sinr
from taskwave.phy.validation.checks import Check, Section, between, mean, near

TEXT = """`lmmse_equalize` in double precision on random channels: 1 / (reported noise variance) against 1 / [(I + H^H
H / no)^-1]_kk - 1, computed by another library (NumPy), and the mean squared error of the estimates over the variance
it reports. Then the whole symbol link: squared error over reported variance, one mean an image, with perfect and with
LMMSE channel estimates; and logits of the transport link: the share of wrong hard decisions against the share that
the logits themselves predict. That is exact with one layer; with two the rest of the other one is taken for Gaussian
noise, and 10 % are allowed. A demapper that is fed `no` in place of the variance after equalisation fails there."""

_SIZES = (2, 4)
_SETTINGS: tuple[tuple[Channel, Csi], ...] = (("rayleigh", "perfect"), ("tdl-c", "perfect"), ("tdl-c", "lmmse"))
_LOGIT_TOLERANCE = 0.1
"""Relative deviation that is allowed with several layers, whose interference after equalisation is not Gaussian."""
_SEED = 23


def run(quick: bool) -> Section:
    """Check 2x2 and 4x4 links, and the logits with one and two layers."""
    checks: list[Check] = []
    figure, axes = panels(2)
    for size, colour in zip(_SIZES, COLOURS, strict=False):
        formula, reported, normalised = _direct(size, 2000 if quick else 20_000)
        worst = float(np.max(np.abs(reported / formula - 1)))
        name = f"{size}×{size}"
        checks.append(
            near(f"{name}: largest relative distance of SINR from formula", worst, 0.0, 1e-6, "Kay 1993, 11.1")
        )
        checks.append(mean(f"{name}: squared error over reported variance", normalised, 1.0, "definition"))
        axes[0].loglog(formula[:300].ravel(), reported[:300].ravel(), ".", color=colour, markersize=3, label=name)
    ends = np.array([1e-2, 1e3])
    axes[0].loglog(ends, ends, color=GREY, linewidth=0.8, zorder=1)
    axes[0].legend(frameon=False, fontsize=8)
    label(axes[0], "SINR after equalisation", "by formula", "1 / reported noise variance")
    images = 100 if quick else 400
    for size, (channel, csi) in itertools.product(_SIZES, _SETTINGS):
        radio = _radio(channel, csi, size)
        checks.append(
            mean(
                f"{_name(radio)}: squared error over reported variance", _link_errors(radio, images), 1.0, "definition"
            )
        )
    matched = Radio(RadioConfig(channel="tdl-c", csi="perfect", num_tx_ant=1, num_rx_ant=1, num_layers=1))
    wrong, predicted, bins = _logits(matched, images)
    checks.append(
        mean(f"{_name(matched)}: wrong decisions, logits' prediction subtracted", wrong - predicted, 0.0, "definition")
    )
    spatial = _radio("tdl-c", "perfect", 2)
    wrong, predicted, interfered = _logits(spatial, images)
    share = float(wrong.mean() / predicted.mean())
    name = f"{_name(spatial)}: wrong decisions over the logits' prediction"
    checks.append(
        between(name, share, 1 - _LOGIT_TOLERANCE, 1 + _LOGIT_TOLERANCE, images, "interference as Gaussian noise")
    )
    axes[1].loglog(*interfered, "s", color=COLOURS[0], markersize=4, label="2×2, two layers")
    axes[1].loglog(*bins, "o", color=COLOURS[1], markersize=4, label="1×1, one layer")
    axes[1].legend(frameon=False, fontsize=8)
    ends = np.array([1e-3, 0.5])
    axes[1].loglog(ends, ends, color=GREY, linewidth=0.8, zorder=1)
    label(axes[1], "Logits", "predicted error rate", "share of wrong decisions")
    return Section("LMMSE equalisation", TEXT, checks, {"equaliser": figure})


def _radio(channel: Channel, csi: Csi, size: int) -> Radio:
    return Radio(RadioConfig(channel=channel, csi=csi, num_tx_ant=size, num_rx_ant=size, num_layers=size))


def _name(radio: Radio) -> str:
    c = radio.config
    return f"{c.channel.upper()} {c.num_tx_ant}×{c.num_rx_ant}, {c.csi} channel knowledge"


def _direct(size: int, channels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equalise random channels in double precision.

    Returns:
        SINR by formula and as reported, [channels, layers] each, and squared error over reported variance [channels].
    """
    draw = generator(_SEED, size)
    h = torch.randn((channels, size, size), generator=draw, dtype=torch.complex128)
    no = 10 ** (torch.rand(channels, generator=draw, dtype=torch.float64) * 4 - 2.5)
    x, noise = (torch.randn((channels, size), generator=draw, dtype=torch.complex128) for _ in range(2))
    y = (h @ x.unsqueeze(-1)).squeeze(-1) + no.sqrt()[:, None] * noise
    x_hat, variance = lmmse_equalize(y, h, no)
    normalised = ((x_hat - x).abs().square() / variance).mean(dim=1)
    return lmmse_sinr(h.numpy(), no.numpy()), (1 / variance).numpy(), normalised.numpy()


def _link_errors(radio: Radio, images: int) -> np.ndarray:
    """Return squared error over reported variance, averaged over the 240 symbols of each image [images]."""
    sent = torch.randn((images, 240), generator=generator(_SEED, images), dtype=torch.complex64)
    air = AirInterface(radio.config, radio.draw(images, 1, _SEED), 8.0, _SEED)
    received = SymbolLink(radio).send(sent, air.forward(0))
    return ((received.symbols - sent).abs().square() / received.noise_variance).mean(dim=1).numpy()


def _logits(radio: Radio, images: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the share of wrong hard decisions, measured and predicted.

    Returns:
        Measured share of each image [images], predicted share [images], and (predicted, measured) in bins of the
        prediction, [bins] each.
    """
    link = TransportLink(radio, mcs(8))
    octets = torch.randint(0, 256, (images, link.payload_bytes(600)), generator=generator(_SEED), dtype=torch.uint8)
    payloads = [row.numpy().tobytes() for row in octets]
    fading, llr = radio.draw(images, 1, _SEED), []
    for es_n0_db in (12.0, 95.0):  # almost without noise, the decisions are the bits that were sent
        signals: dict[str, torch.Tensor] = {}
        radio.tap = signals.__setitem__
        link.send(payloads, 600, AirInterface(radio.config, fading, es_n0_db, _SEED).forward(0))
        llr.append(signals["llr"].double())
    wrong = ((llr[0] > 0) != (llr[1] > 0)).double()
    predicted = torch.sigmoid(-llr[0].abs())
    edges = torch.logspace(-3, math.log10(0.5), 13, dtype=torch.float64)
    bin_of = torch.bucketize(predicted, edges)
    inside = [bin_of == i for i in range(1, len(edges))]
    bins = tuple(np.array([float(v[mask].mean()) for mask in inside]) for v in (predicted, wrong))
    return wrong.mean(dim=1).numpy(), predicted.mean(dim=1).numpy(), (bins[0], bins[1])
