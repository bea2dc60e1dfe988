"""What the neural receiver is trained on: symbols of every kind over moving channels."""

import torch

from taskwave.phy.air import AirInterface, Radio, RadioConfig
from taskwave.phy.neural_receiver.estimator import NeuralEstimator
from taskwave.phy.neural_receiver.scores import KINDS, draw_symbols, log_likelihood_loss
from taskwave.phy.symbol_link import SymbolLink

CHANNELS = ("cdl-a", "cdl-c", "cdl-d", "tdl-b")
DELAY_SPREADS_NS = (30.0, 100.0, 180.0)
SPEEDS_MPS = (1.0, 20.0, 40.0, 60.0)
"""At 3.5 GHz and 30 kHz: Doppler shifts of up to 0.025 of the subcarrier spacing."""
ES_N0_DB = (-5.0, 25.0)
NUM_SYMBOLS = (40, 1200)
"""Of a message; their logarithm is uniform."""
BATCH = 16
SEEDS = 2**31
"""Those of channels and noise are smaller."""


class Course:
    """Draws random receptions over random radios. Each radio is built when it first occurs."""

    def __init__(self, estimator: NeuralEstimator) -> None:
        self.estimator = estimator
        self._radios: dict[tuple[int, ...], Radio] = {}

    def loss(self, draws: torch.Generator) -> torch.Tensor:
        """Loss of one batch: a radio, an SNR, a size and a kind of symbols, all random."""

        def below(count: int) -> int:
            return int(torch.randint(count, (), generator=draws))

        def between(low: float, high: float) -> float:
            return low + (high - low) * float(torch.rand((), generator=draws))

        radio = self._radio(below(len(CHANNELS)), below(len(DELAY_SPREADS_NS)), below(len(SPEEDS_MPS)), below(3) // 2)
        low, high = NUM_SYMBOLS
        count = round(low * (high / low) ** between(0, 1))
        sent = draw_symbols(KINDS[below(len(KINDS))], BATCH, count, draws)
        fading = radio.draw(BATCH, 1, below(SEEDS))
        air = AirInterface(radio, fading, between(*ES_N0_DB), below(SEEDS)).forward(0)
        return log_likelihood_loss(SymbolLink(radio, 2 - below(4) // 3).send(sent, air), sent)

    def _radio(self, channel: int, delay_spread: int, speed: int, additional: int) -> Radio:
        key = (channel, delay_spread, speed, additional)
        if key not in self._radios:
            config = RadioConfig.model_validate(
                {
                    "channel": CHANNELS[channel],
                    "delay_spread_ns": DELAY_SPREADS_NS[delay_spread],
                    "speed_mps": SPEEDS_MPS[speed],
                    "dmrs_additional": additional,
                    "csi": "ls",
                }
            )
            self._radios[key] = Radio(config)
            self._radios[key].neural = self.estimator
        return self._radios[key]
