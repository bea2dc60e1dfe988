"""Complex symbols of data over the air: precoded on the forward link where the radio is configured so."""

from dataclasses import replace
from functools import lru_cache

import torch

from taskwave.phy.channel.air import Air
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation, Allocator
from taskwave.phy.links.open_loop import OpenLoopLink
from taskwave.phy.links.uci import UciLink
from taskwave.phy.precoding.csi import REPORT_ES_N0_DB, TransmitterCsi
from taskwave.phy.radio import Radio


@lru_cache(maxsize=32)
def _transmitter_csi(radio: Radio, num_layers: int) -> TransmitterCsi:
    """Return the channel knowledge that the links of one radio share: a memo that changes no result."""
    return TransmitterCsi(radio, num_layers, UciLink(radio, REPORT_ES_N0_DB))


class SymbolLink(OpenLoopLink):
    """Sends complex symbols of data. Differentiable with respect to the symbols.

    With `radio.precoding` forward messages are precoded, and their channel uses include the pilots and reports by which
    the transmitter knows the channel. All other messages are open loop.

    Args:
        radio: the radio.
        num_layers: number of spatial layers, by default that of the radio's configuration.
        modulation: modulation of the symbols, for the radio's detector; without it they are equalised only.
    """

    def __init__(self, radio: Radio, num_layers: int | None = None, modulation: Modulation | None = None) -> None:
        layers = radio.config.num_layers if num_layers is None else num_layers
        self._csi = None if radio.config.precoding is None else _transmitter_csi(radio, layers)
        super().__init__(radio, layers, "data", modulation)

    def slots(self, num_symbols: int) -> int:
        """Return what `OpenLoopLink.slots` does; the transmitter measures the channel that much earlier."""
        lasts = super().slots(num_symbols)
        return lasts if self._csi is None or not lasts else self._csi.exchange_slots + lasts

    def precoded(self, air: Air, num_symbols: int) -> Air:
        """Return the air of a message of `num_symbols`: `air` with the precoder of its transmitter, if any."""
        if self._csi is None or air.direction == "reverse":
            return air
        return replace(air, precoder=self._csi.precoder(air, self.allocator.allocate(num_symbols)[0].num_prb))

    def nominal_noise(self, air: Air, num_symbols: int) -> float:
        """Return what `OpenLoopLink.nominal_noise` does; the gain of precoded layers is measured beforehand."""
        if self._csi is None:
            return super().nominal_noise(air, num_symbols)
        expected = self._csi.expected(air.es_n0_db, self.allocator.allocate(num_symbols)[0].num_prb)
        return self.allocator.num_layers * noise_variance(air.es_n0_db) / expected.zero_forcing_gain

    def _allocator(self, num_layers: int) -> Allocator:
        if self._csi is None:
            return super()._allocator(num_layers)
        return self.radio.allocator(num_layers, self._csi.report_uses, self._csi.pilot_uses_per_prb)

    def _layer_energy(self, air: Air, first: Allocation) -> torch.Tensor | None:
        if self._csi is None or air.precoder is None or self.radio.config.csi != "lmmse":
            return None
        return self._csi.expected(air.es_n0_db, first.num_prb).layer_energy
