"""Rehearsals that both ends can hold beforehand: known symbols over channels and noise of seeds of their own.

What follows from them depends on the configuration and the mean SNR, and on no realisation of a run.
"""

from functools import lru_cache

import torch

from taskwave.phy.channel.fading import Fading
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.links.open_loop import SymbolReception
from taskwave.phy.radio import Radio
from taskwave.phy.seeds import generator

CALIBRATION_SEED = 0x7A5C
"""Seed of the channels and symbols of calibrations."""
CALIBRATION_NOISE_SEED = CALIBRATION_SEED + 1
"""Seed of the noise of calibrations; channels and noise of runs have other seeds."""


def calibration_symbols(batch: int, num_symbols: int) -> torch.Tensor:
    """Draw random QPSK [batch, num_symbols] that both ends know.

    Equal symbols would be one peak, at which an amplifier saturates, and tell a receiver that looks at data more than
    data would.
    """
    bits = torch.randint(2, (batch, 2 * num_symbols), generator=generator(CALIBRATION_SEED, num_symbols))
    return Modulation(2).map(bits)


def calibrated_sinr_db(reception: SymbolReception, sent: torch.Tensor) -> torch.Tensor:
    """Measure the post-equalisation SINR [B, n] in dB of every symbol of `sent`, hopeless where none was detected.

    The receiver may be wrong about its noise (errors of channel estimation): what is there counts, where it detects.
    """
    share = ((reception.symbols - sent).abs().square() / reception.noise_variance)[~reception.lost]
    actual = share.mean() if len(share) else torch.ones(())
    return -10 * torch.log10(reception.noise_variance * actual)


@lru_cache(maxsize=16)
def calibration_fading(radio: Radio, draws: int, occasions: int) -> Fading:
    """Draw the channels of calibrations of a radio, for `occasions` transmissions each way: a memo."""
    return radio.draw(draws, occasions, CALIBRATION_SEED)
