"""The `[radio.precoding]` table of a scenario. Needs neither PyTorch nor Sionna."""

from typing import Literal

from pydantic import BaseModel, Field

PrecodingKind = Literal["svd", "rzf", "codebook"]


class PrecodingConfig(BaseModel, frozen=True, extra="forbid"):
    """How forward data are precoded: one matrix for each message, over all its resource elements."""

    kind: PrecodingKind = "codebook"
    """svd: the strongest eigenmodes. rzf: regularised zero forcing towards the first receive antennas. Both know the
    channel by sounding (reciprocity). codebook: the receiver reports a PMI of the Type I codebook."""
    csi_age_slots: int = Field(default=4, ge=0, le=320)
    """Slots from the measurement of the channel to the start of the message. `awgn` and `rayleigh` do not age: a
    transmission is one block, measured and used."""

    def check(self, num_tx_ant: int, num_rx_ant: int) -> None:
        """Raise `ValueError` for antennas that this precoding cannot use."""
        if self.kind == "codebook" and num_tx_ant not in CODEBOOK_PORTS:
            raise ValueError(
                f'precoding.kind "codebook" has no precoders for num_tx_ant {num_tx_ant}: use '
                f'{" or ".join(map(str, CODEBOOK_PORTS))} transmit antennas, or "svd" or "rzf".'
            )
        if self.kind != "codebook" and num_rx_ant not in SOUNDING_PORTS:
            raise ValueError(
                f'precoding.kind "{self.kind}" cannot sound num_rx_ant {num_rx_ant}, whose pilots do not fill a PRB: '
                f'use {", ".join(map(str, SOUNDING_PORTS))} receive antennas, or "codebook".'
            )


CODEBOOK_PORTS = (2, 4)
"""Transmit antennas of the codebook: cross-polarised pairs in a row, N1 = ports / 2, N2 = 1."""
SOUNDING_PORTS = (1, 2, 3, 4, 6)
"""Antennas whose pilots share the 12 subcarriers of a PRB evenly."""
