"""QAM with the Gray labelling of TS 38.211 clause 5.1."""

import torch

MODULATION_ORDERS = (2, 4, 6, 8)


class Modulation:
    """Maps bits to QAM symbols of unit mean energy and back to log-likelihood ratios.

    Args:
        order: bits per symbol m (2, 4, 6, 8), not the number of points 2**m.

    Raises:
        ValueError: another order.
    """

    def __init__(self, order: int) -> None:
        from sionna.phy.mapping import Demapper, Mapper  # noqa: PLC0415 - Sionna takes seconds to import

        if order not in MODULATION_ORDERS:
            raise ValueError(
                f"modulation order {order} is not one of {MODULATION_ORDERS}: give the bits of one symbol, "
                "for example 4 for 16-QAM."
            )
        self.order = order
        self._mapper = Mapper("qam", order, device="cpu")
        self._demapper = Demapper("app", "qam", order, device="cpu")

    def map(self, bits: torch.Tensor) -> torch.Tensor:
        """[B, n * order] bits of any dtype to [B, n] complex64 symbols."""
        symbols: torch.Tensor = self._mapper(bits.float())
        return symbols

    def llr(self, symbols: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """[B, n] symbols and the variance of *their* noise, after equalisation, to [B, n * order] logits.

        Positive means that a one is likelier (log P(1) / P(0), exact).
        """
        llr: torch.Tensor = self._demapper(symbols, noise_variance)
        return llr
