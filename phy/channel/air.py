"""The air between two ends: what all links of a simulated point share of channel realisations and noise."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch

from taskwave.phy.channel.fading import Fading
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.definitions import noise_variance
from taskwave.phy.grid.allocation import NUM_SYMBOLS_PER_SLOT, Allocation
from taskwave.phy.seeds import generator

Direction = Literal["forward", "reverse"]

Stream = Literal["data", "control"]
"""Data and control messages of one occasion use different REs and so see different noise."""

_CSI = 2**21
"""Sets the noise of exchanges of channel knowledge apart from that of messages."""


@dataclass(frozen=True)
class Air:
    """One occasion in one direction, for the images `images` of a batch."""

    config: RadioConfig
    fading: Fading
    es_n0_db: float
    """Of this direction (the reverse link has its offset added)."""
    seed: int
    images: torch.Tensor
    """[B] int64, rows of `fading`."""
    occasion: int
    direction: Direction
    precoder: torch.Tensor | None = None
    """[B, num_tx_ant, num_layers] complex64, columns of unit norm; None: each layer leaves one antenna, see `paths`."""
    csi_age_s: float | None = None
    """Time by which this is earlier than the forward transmission of the occasion, as an exchange of channel knowledge
    for it [s]; None: it is the transmission itself."""

    @property
    def batch(self) -> int:
        """Images."""
        return len(self.images)

    @property
    def num_rx_ant(self) -> int:
        """Receive antennas of this direction."""
        config = self.config
        return config.num_rx_ant if self.direction == "forward" else config.num_tx_ant

    @property
    def transmission(self) -> int:
        """Index of this transmission, both directions counted."""
        return 2 * self.occasion + (self.direction == "reverse")

    def identity(self, stream: Stream) -> int:
        """Return the number that names a message of `stream` in the seeds of what is drawn for it."""
        message = 2 * self.transmission + (stream == "control")
        return message if self.csi_age_s is None else message + _CSI

    def select(self, rows: torch.Tensor) -> "Air":
        """The same for some rows [K] int64 of its images."""
        precoder = None if self.precoder is None else self.precoder[rows]
        return replace(self, images=self.images[rows], precoder=precoder)

    def before(self, age_s: float) -> "AirInterface":
        """The air in both directions, without precoding, `age_s` before this forward transmission starts."""
        return AirInterface(self.config, self.fading, self.es_n0_db, self.seed, self.images, age_s)

    def frequency_response(self, allocation: Allocation, slot: int) -> torch.Tensor:
        """Channel from the antennas of the layers, [B, num_rx_ant, num_layers, num_ofdm_symbols, num_subcarriers].

        Energy one in expectation. `slot` counts from the start of the transmission. Reverse is the transpose.
        The tensor is shared by all SNRs and links: do not change it in place.
        """
        size = allocation.num_layers, allocation.num_ofdm_symbols, allocation.num_subcarriers
        config = self.config
        grid = config.max_prb, config.subcarrier_spacing_khz

        def make() -> torch.Tensor:
            symbol_s = config.slot_seconds / NUM_SYMBOLS_PER_SLOT
            times = (slot * NUM_SYMBOLS_PER_SLOT + torch.arange(allocation.num_ofdm_symbols)) * symbol_s
            return self.frequency_response_at(times, allocation.num_layers, allocation.num_subcarriers)

        if self.precoder is not None:
            return make()
        key = tuple(self.images.tolist()), self.transmission, self.csi_age_s, slot, size, grid
        return self.fading.recent.get(key, make)

    def frequency_response_at(self, times: torch.Tensor, num_layers: int, num_subcarriers: int) -> torch.Tensor:
        """As `frequency_response`, at `times` [S] from the start of the transmission [s] instead of its symbols."""
        config = self.config
        a = self.paths(times, num_layers)
        # Subcarrier 0 is the lowest one of the carrier, whose centre is frequency zero.
        subcarriers = torch.arange(num_subcarriers) - 6 * config.max_prb
        delays = self.path_delays()
        phase = -2 * torch.pi * (delays[..., None] * (subcarriers * config.subcarrier_spacing_khz * 1e3))
        rotation = torch.polar(torch.ones_like(phase), phase)
        # One matrix for all images, if they have the same delays, is faster than a batch of them.
        return a.transpose(-1, -2) @ (rotation[0] if len(delays) == 1 else rotation[:, None, None])

    def path_coefficients(self, num_layers: int) -> torch.Tensor:
        """Paths from the antennas of the layers when the transmission starts, [B, num_rx_ant, num_layers, paths]."""
        return self.paths(torch.zeros(1), num_layers)[..., 0]

    def path_delays(self) -> torch.Tensor:
        """Their delays [s], [1, the same for all, or B, paths] float32."""
        return self.fading.delays(self.images)

    def paths(self, times: torch.Tensor, num_layers: int) -> torch.Tensor:
        """Paths from the layers at `times` [S] from the start of the transmission [s], precoding included.

        [B, num_rx_ant, num_layers, paths, S] complex64. Without precoder layer l leaves antenna l num_ant / num_layers:
        in a row of cross-polarised pairs, whose second half has the other polarisation, two layers leave one pair.
        """
        if self.precoder is None:
            a = self.antenna_paths(times)
            return a[:, :, [layer * a.shape[2] // num_layers for layer in range(num_layers)]]
        return torch.einsum("brtps,btl->brlps", self.antenna_paths(times), self.precoder[..., :num_layers])

    def antenna_paths(self, times: torch.Tensor) -> torch.Tensor:
        """Paths between the antennas of this direction at `times` [S], [B, rx, tx, paths, S] complex64."""
        transmission = self.transmission
        if self.csi_age_s is not None:
            # Both directions of the exchange come before the forward transmission.
            transmission, times = 2 * self.occasion, times - self.csi_age_s
        a = self.fading.coefficients(self.images, transmission, times)
        return a.transpose(1, 2) if self.direction == "reverse" else a

    def noise(self, shape: tuple[int, ...], slot: int, stream: Stream) -> torch.Tensor:
        """Complex Gaussian noise of unit variance, [B, *shape] complex64.

        Row b depends on the seed, on image b, occasion, direction, stream and slot, and on nothing else.
        The tensor is shared by all SNRs and links: do not change it in place.
        """
        identity, images = self.identity(stream), self.images.tolist()

        def make() -> torch.Tensor:
            return torch.stack(
                [
                    torch.randn(shape, generator=generator(self.seed, image, identity, slot), dtype=torch.complex64)
                    for image in images
                ]
            )

        return self.fading.recent.get(("noise", self.seed, tuple(images), identity, slot, shape), make)


@dataclass(frozen=True)
class AirInterface:
    """The air between one transmitter and one receiver at one SNR: same channels and noise for every link.

    Args:
        config: of the radio that drew `fading`.
        fading: channel realisations, one per image.
        es_n0_db: Es/N0 of the forward link [dB], see `taskwave.phy.definitions`.
        seed: of the noise.
        rows: [B] int64 rows of `fading` in use, all of them unless `select` chose some.
        csi_age_s: see `Air`.

    Raises:
        ValueError: `es_n0_db` of either direction is not a finite number in range.
    """

    config: RadioConfig
    fading: Fading
    es_n0_db: float
    seed: int
    rows: torch.Tensor | None = None
    csi_age_s: float | None = None

    def __post_init__(self) -> None:
        noise_variance(self.es_n0_db)
        noise_variance(self.es_n0_db + self.config.feedback_es_n0_offset_db)

    @cached_property
    def _images(self) -> torch.Tensor:
        return torch.arange(self.fading.batch) if self.rows is None else self.rows

    @property
    def batch(self) -> int:
        """Images."""
        return len(self._images)

    def forward(self, occasion: int) -> Air:
        """The forward link at `occasion`: 0 for the first transmission, 1 and on for later rounds.

        Raises:
            ValueError: `occasion` was not drawn.
        """
        return self._air(occasion, "forward", self.es_n0_db)

    def reverse(self, occasion: int) -> Air:
        """The reverse link that answers forward transmission `occasion`, over the reciprocal, aged channel.

        Raises:
            ValueError: `occasion` was not drawn.
        """
        return self._air(occasion, "reverse", self.es_n0_db + self.config.feedback_es_n0_offset_db)

    def select(self, index: slice | torch.Tensor) -> "AirInterface":
        """The same air for some of the images (a slice, [K] int64 indices or a [B] bool mask)."""
        return replace(self, rows=self._images[index])

    def _air(self, occasion: int, direction: Direction, es_n0_db: float) -> Air:
        if not 0 <= occasion < self.fading.occasions:
            raise ValueError(
                f"occasion {occasion} was not drawn: the fading has occasions 0 to {self.fading.occasions - 1}. "
                "Draw more occasions with Radio.draw."
            )
        return Air(
            self.config, self.fading, es_n0_db, self.seed, self._images, occasion, direction, csi_age_s=self.csi_age_s
        )
