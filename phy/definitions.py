"""SNR, noise variance and bandwidth ratio: every axis, column and signature of the project uses these definitions.

* A *channel use* is one complex resource element (RE) of the time-frequency grid, occupied on the air whatever it
  carries: data, pilots, CRC, headers, padding, feedback.
* `es_n0_db` is the mean received energy per RE and receive antenna over the noise variance of one complex dimension,
  with the mean channel energy and the total transmit energy per RE (over all layers and antennas) normalised to one.
* `no` is that noise variance: complex, so no / 2 per real part.
"""

import math

MAX_ABS_ES_N0_DB = 100.0
"""Largest magnitude of `es_n0_db` [dB]; single precision cannot hold signal and noise together beyond it."""
SPEED_OF_LIGHT = 299_792_458.0
"""Speed of light in vacuum [m/s]."""


def noise_variance(es_n0_db: float) -> float:
    """Return the variance `no` of one complex noise sample at unit symbol energy.

    Args:
        es_n0_db: symbol energy over noise variance per complex dimension [dB], between -100 and 100.

    Raises:
        ValueError: `es_n0_db` is NaN, infinite or out of range.
    """
    if not math.isfinite(es_n0_db) or abs(es_n0_db) > MAX_ABS_ES_N0_DB:
        raise ValueError(
            f"es_n0_db is {es_n0_db}: it must be a finite number of decibels from -{MAX_ABS_ES_N0_DB:g} to "
            f"{MAX_ABS_ES_N0_DB:g}. Give such a number, for example 10.0."
        )
    return float(10.0 ** (-es_n0_db / 10.0))


def eb_n0_to_es_n0_db(eb_n0_db: float, num_bits_per_symbol: int, code_rate: float = 1.0) -> float:
    """Return Es/N0 [dB] of symbols that carry `num_bits_per_symbol * code_rate` information bits each.

    Args:
        eb_n0_db: energy per information bit over noise variance per complex dimension [dB].
        num_bits_per_symbol: m, not the constellation's 2**m points; at least 1.
        code_rate: rate of the code, in (0, 1]; 1 if uncoded.

    Raises:
        ValueError: `num_bits_per_symbol` or `code_rate` is out of range.
    """
    if num_bits_per_symbol < 1 or not 0.0 < code_rate <= 1.0:
        raise ValueError(
            f"num_bits_per_symbol {num_bits_per_symbol} must be at least 1 and code_rate {code_rate} in (0, 1]: "
            "give the bits of one symbol (4 for 16-QAM) and the rate of the code (1 if uncoded)."
        )
    return eb_n0_db + 10.0 * math.log10(num_bits_per_symbol * code_rate)


def bandwidth_ratio(channel_uses: int, height: int, width: int) -> float:
    """Return the channel uses of both directions over the 3*H*W real numbers of an RGB image (CBR).

    Raises:
        ValueError: `channel_uses` is negative or the image is empty.
    """
    if channel_uses < 0 or height < 1 or width < 1:
        raise ValueError(
            f"channel_uses {channel_uses} must be >= 0 and the image {height}x{width} at least 1x1 pixel: "
            "give the count of both directions and the image's height and width."
        )
    return channel_uses / (3 * height * width)
