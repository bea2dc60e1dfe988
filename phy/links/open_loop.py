"""Complex symbols over the air, each spatial layer from an antenna of its own: the base of all other links."""

import math
from dataclasses import dataclass

import torch

from taskwave.phy.channel.air import Air, Stream
from taskwave.phy.coding.modulation import Modulation, interleaver
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import Allocation, Allocator
from taskwave.phy.links.slot import SlotTransceiver, equalize
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.detection import detector

_PADDING = 1.0
"""Known symbol of unit energy that fills the REs a message leaves free."""


@dataclass
class SymbolReception:
    """Holds what the receiver has after equalisation, and what it cost."""

    symbols: torch.Tensor
    """Unbiased estimates, the sent symbols plus noise, [B, n] complex64."""
    noise_variance: torch.Tensor
    """Variance of the complex noise of `symbols`, known channel estimation error included, [B, n] float32."""
    channel_uses: int
    """Number of REs of each image's message: data, pilots, padding, synchronisation, the transmitter's knowledge."""
    slots: int
    """Number of slots that the message lasted, from the exchange of the transmitter's knowledge on, if any."""
    lost: torch.Tensor
    """Whether the message was not even detected, [B] bool: its symbols are noise, and decoders must not guess."""
    llr: torch.Tensor | None = None
    """Logits of each symbol's bits where a detector found them from all layers together, [B, n, bits] float32."""

    def logits(self, modulation: Modulation) -> torch.Tensor:
        """Return log P(1) / P(0), [B, n * bits], of symbols of `modulation`: the detector's, else symbol by symbol."""
        return modulation.llr(self.symbols, self.noise_variance) if self.llr is None else self.llr.flatten(1)


class OpenLoopLink:
    """Sends complex symbols over OFDM, MIMO and the channel. Differentiable with respect to the symbols.

    Args:
        radio: the radio.
        num_layers: number of spatial layers.
        stream: "control" for messages sent besides the data of the same occasion, so that their noise differs.
        modulation: modulation of the symbols, for the radio's detector; without it they are equalised only.
    """

    def __init__(self, radio: Radio, num_layers: int, stream: Stream, modulation: Modulation | None = None) -> None:
        self.radio, self.stream = radio, stream
        self.allocator = self._allocator(num_layers)
        self._detector = None if modulation is None else detector(radio.config, modulation, num_layers)
        self._slots: dict[Allocation, SlotTransceiver] = {}

    def channel_uses(self, num_symbols: int) -> int:
        """Return the REs of the smallest allocation that carries `num_symbols`, and of what precedes it (0 for none).

        Raises:
            ValueError: more symbols than the radio's `max_slots` carry.
        """
        return self.allocator.channel_uses(num_symbols)

    def slots(self, num_symbols: int) -> int:
        """Return the slots that a message of `num_symbols` lasts, and what precedes it (0 for none).

        Raises:
            ValueError: more symbols than the radio's `max_slots` carry.
        """
        return len(self.allocator.allocate(num_symbols)) if num_symbols else 0

    def capacity(self, channel_uses: int) -> int:
        """Return the most symbols that fit in at most `channel_uses` REs."""
        return self.allocator.capacity(channel_uses)

    def send(self, symbols: torch.Tensor, air: Air) -> SymbolReception:
        """Transmit `symbols` [B, n] complex64, one row per image of `air`, of mean energy one.

        Args:
            symbols: sent symbols, on any device.
            air: air of one occasion in one direction.

        Raises:
            ValueError: wrong shape or dtype, NaN, a mean energy that is not one, too many symbols.
        """
        self._check(symbols, air)
        tap = self.radio.tap if air.csi_age_s is None else None
        num_symbols = symbols.shape[1]
        allocations = self.allocator.allocate(num_symbols)
        padding = sum(a.num_data_symbols for a in allocations) - num_symbols
        padded = torch.nn.functional.pad(symbols, (0, padding), value=_PADDING)
        order = self._order(padded.shape[1])
        if order is not None:
            padded = padded[:, order]
        sizes = [a.num_data_symbols for a in allocations]
        slots = [self._slot(allocation) for allocation in allocations]
        grids = [slot.transmit(part) for slot, part in zip(slots, padded.split(sizes, dim=1), strict=True)]
        air = self.precoded(air, num_symbols)
        signals = self.radio.medium.carry(allocations, grids, air, self.stream)
        energy = self._layer_energy(air, allocations[0])
        seen = [slot.observe(signal, tap, energy) for slot, signal in zip(slots, signals, strict=True)]
        outputs = [equalize(observation, signal.lost) for observation, signal in zip(seen, signals, strict=True)]
        received, variances = zip(*outputs, strict=True)
        x_hat, no_eff = torch.cat(received, dim=1), torch.cat(variances, dim=1)
        llr = None if self._detector is None else torch.cat([self._detector.llr(slot) for slot in seen], dim=1)
        positions = slice(num_symbols) if order is None else order.argsort()[:num_symbols]
        x_hat, no_eff = x_hat[:, positions], no_eff[:, positions]
        if tap is not None:
            tap("constellation", x_hat)
            tap("noise_variance", no_eff)
        lost = signals[0].lost
        if lost is None:
            lost = torch.zeros(len(symbols), dtype=torch.bool, device=symbols.device)
        return SymbolReception(
            symbols=x_hat,
            noise_variance=no_eff,
            channel_uses=self.channel_uses(num_symbols),
            slots=self.slots(num_symbols),
            lost=lost,
            llr=None if llr is None else llr[:, positions],
        )

    def precoded(self, air: Air, num_symbols: int) -> Air:
        """Return the air of a message of `num_symbols`: here `air` itself, as there is no precoder."""
        return air

    def nominal_noise(self, air: Air, num_symbols: int) -> float:
        """Return the noise variance after equalisation that a transmitter expects for `num_symbols` over forward `air`.

        It knows the mean SNR and the statistics of channels: with zero forcing, a layer of independent Rayleigh fading
        has a gain of num_rx_ant - num_layers + 1 on average (Winters, Salz and Gitlin 1994).
        """
        num_layers = self.allocator.num_layers
        return num_layers * noise_variance(air.es_n0_db) / (air.num_rx_ant - num_layers + 1)

    def _allocator(self, num_layers: int) -> Allocator:
        return self.radio.allocator(num_layers)

    def _layer_energy(self, air: Air, first: Allocation) -> torch.Tensor | None:
        """Return the mean channel energy [num_layers] on which estimation relies; None: one for each layer."""
        return None

    def _order(self, length: int) -> torch.Tensor | None:
        """Return the index of the symbol at each position, [length]; None: symbols stay in their order."""
        impairments = self.radio.config.impairments
        return interleaver(length) if impairments is not None and impairments.interleaving else None

    def _slot(self, allocation: Allocation) -> SlotTransceiver:
        if allocation not in self._slots:
            self._slots[allocation] = SlotTransceiver(self.radio, allocation)
        return self._slots[allocation]

    @staticmethod
    def _check(symbols: torch.Tensor, air: Air) -> None:
        if symbols.ndim != 2 or symbols.dtype != torch.complex64 or len(symbols) != air.batch:
            raise ValueError(
                f"symbols are {list(symbols.shape)} {symbols.dtype}: they must be [{air.batch}, n] torch.complex64, "
                "one row per image of the air. Reshape or convert them."
            )
        energy = float(symbols.detach().abs().square().mean())
        # Finite samples stray from the mean of their source: five deviations of one Gaussian row (rows may repeat).
        tolerance = 0.05 + 5.0 / math.sqrt(max(symbols.shape[1], 1))
        if not abs(energy - 1.0) <= tolerance:
            raise ValueError(
                f"symbols have a mean energy of {energy:g}: es_n0_db is defined for 1 (here within {tolerance:.2g}). "
                "Divide them by the square root of their mean energy."
            )
