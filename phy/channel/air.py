"""The air between two ends: channel realisations and noise, which all links of a simulated point share."""

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
"""Kind of a message; data and control messages of one occasion use different REs and so see different noise."""

_CSI = 2**21
"""Offset of seeds that sets the noise of exchanges of channel knowledge apart from that of messages."""


@dataclass(frozen=True)
class Air:
    """Gives channel and noise of one transmission: one occasion in one direction, for some images of a batch."""

    config: RadioConfig
    """Configuration of the radio that drew `fading`."""
    fading: Fading
    """Channel realisations of the batch."""
    es_n0_db: float
    """Es/N0 of this direction [dB] (the reverse link has its offset added)."""
    seed: int
    """Seed of the noise."""
    images: torch.Tensor
    """Rows of `fading`, [B] int64, one for each image."""
    occasion: int
    """Index of the forward transmission, or of the one that a reverse transmission answers."""
    direction: Direction
    """Direction of the transmission."""
    precoder: torch.Tensor | None = None
    """Precoding matrices, [B, num_tx_ant, num_layers] complex64, with columns of unit norm; None: each layer leaves one
    antenna, see `paths`."""
    csi_age_s: float | None = None
    """Time from this exchange of channel knowledge to the forward transmission of the occasion [s]; None: this is the
    transmission itself."""

    @property
    def batch(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def num_rx_ant(self) -> int:
        """Number of receive antennas of this direction."""
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
        """Return the air of some of its images, by their rows [K] int64."""
        precoder = None if self.precoder is None else self.precoder[rows]
        return replace(self, images=self.images[rows], precoder=precoder)

    def before(self, age_s: float) -> "AirInterface":
        """Return the air in both directions, without precoding, `age_s` [s] before this forward transmission."""
        return AirInterface(self.config, self.fading, self.es_n0_db, self.seed, self.images, age_s)

    def frequency_response(self, allocation: Allocation, slot: int) -> torch.Tensor:
        """Return the channel from the layers to the receive antennas on the grid of one slot.

        The reverse channel is the transpose of the forward one. All SNRs and links share the tensor: do not change it
        in place.

        Args:
            allocation: allocation of the slot.
            slot: index of the slot from the start of the transmission.

        Returns:
            [B, num_rx_ant, num_layers, num_ofdm_symbols, num_subcarriers] complex64, of energy one in expectation.
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
        """Return the channel from the layers at some times, like `frequency_response`.

        Args:
            times: [S] times from the start of the transmission [s].
            num_layers: number of layers.
            num_subcarriers: number of subcarriers, from the lowest one of the carrier.

        Returns:
            [B, num_rx_ant, num_layers, S, num_subcarriers] complex64.
        """
        config = self.config
        a = self.paths(times, num_layers)
        # Subcarrier 0 is the lowest one of the carrier, whose centre is frequency zero.
        subcarriers = torch.arange(num_subcarriers) - 6 * config.max_prb
        delays = self.path_delays()
        phase = -2 * torch.pi * (delays[..., None] * (subcarriers * config.subcarrier_spacing_khz * 1e3))
        rotation = torch.polar(torch.ones_like(phase), phase)
        # One matrix for all images is faster than a batch of matrices; it will do if the images share their delays.
        return a.transpose(-1, -2) @ (rotation[0] if len(delays) == 1 else rotation[:, None, None])

    def path_coefficients(self, num_layers: int) -> torch.Tensor:
        """Return `paths` at the start of the transmission, [B, num_rx_ant, num_layers, paths] complex64."""
        return self.paths(torch.zeros(1), num_layers)[..., 0]

    def path_delays(self) -> torch.Tensor:
        """Return the path delays, [1, paths], the same for all, or [B, paths] float32 [s]."""
        return self.fading.delays(self.images)

    def paths(self, times: torch.Tensor, num_layers: int) -> torch.Tensor:
        """Return path coefficients from the layers, precoding included.

        Without precoder layer l leaves antenna l num_ant / num_layers: in a row of cross-polarised pairs, whose second
        half has the other polarisation, two layers leave one pair.

        Args:
            times: [S] times from the start of the transmission [s].
            num_layers: number of layers.

        Returns:
            [B, num_rx_ant, num_layers, paths, S] complex64.
        """
        if self.precoder is None:
            a = self.antenna_paths(times)
            return a[:, :, [layer * a.shape[2] // num_layers for layer in range(num_layers)]]
        return torch.einsum("brtps,btl->brlps", self.antenna_paths(times), self.precoder[..., :num_layers])

    def antenna_paths(self, times: torch.Tensor) -> torch.Tensor:
        """Return path coefficients between antennas at `times` [S] [s], [B, rx, tx, paths, S] complex64."""
        transmission = self.transmission
        if self.csi_age_s is not None:
            # Both directions of the exchange come before the forward transmission.
            transmission, times = 2 * self.occasion, times - self.csi_age_s
        a = self.fading.coefficients(self.images, transmission, times)
        return a.transpose(1, 2) if self.direction == "reverse" else a

    def noise(self, shape: tuple[int, ...], slot: int, stream: Stream) -> torch.Tensor:
        """Draw complex Gaussian noise of unit variance, [B, *shape] complex64.

        Row b depends on the seed, on image b, occasion, direction, stream and slot, and on nothing else. All SNRs and
        links share the tensor: do not change it in place.
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
    """Gives every link the same channels and noise between one transmitter and one receiver at one SNR.

    Args:
        config: configuration of the radio that drew `fading`.
        fading: channel realisations, one for each image.
        es_n0_db: Es/N0 of the forward link [dB], see `taskwave.phy.definitions`.
        seed: seed of the noise.
        rows: [B] int64 rows of `fading` in use; None: all of them.
        csi_age_s: time from an exchange of channel knowledge to the forward transmission [s], see `Air`.

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
        """Number of images."""
        return len(self._images)

    def forward(self, occasion: int) -> Air:
        """Return the forward link at `occasion`: 0 for the first transmission, 1 and on for later rounds.

        Raises:
            ValueError: `occasion` was not drawn.
        """
        return self._air(occasion, "forward", self.es_n0_db)

    def reverse(self, occasion: int) -> Air:
        """Return the reverse link that answers forward transmission `occasion`, over the reciprocal, aged channel.

        Raises:
            ValueError: `occasion` was not drawn.
        """
        return self._air(occasion, "reverse", self.es_n0_db + self.config.feedback_es_n0_offset_db)

    def select(self, index: slice | torch.Tensor) -> "AirInterface":
        """Return the same air for some of the images (a slice, [K] int64 indices or a [B] bool mask)."""
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
