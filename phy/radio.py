"""The radio that all links of a point share: configuration, channel model, medium and neural estimator."""

from taskwave.phy.channel.fading import Fading
from taskwave.phy.channel.medium import FrequencyDomain, Medium, Tap
from taskwave.phy.channel.model import ChannelModel
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.gnuradio.medium import FlowgraphMedium
from taskwave.phy.grid.allocation import Allocator
from taskwave.phy.receiver.neural.network import load_estimator
from taskwave.phy.waveform.time_domain import TimeDomain


class Radio:
    """Holds everything that is built once from one configuration of a radio.

    Raises:
        ValueError: the configuration asks for a channel that `ChannelModel` refuses.
    """

    def __init__(self, config: RadioConfig) -> None:
        self.config = config
        self.channel = ChannelModel(config)
        self.medium = self._medium()
        self.neural = load_estimator(config.neural_weights) if config.csi == "neural" else None
        self.rehearsal: Radio | None = None
        """Radio on which link adaptation tries transmissions where this one is on the air; None: this one itself."""
        self.tap: Tap | None = None
        """Callback for inner signals of every message, but not of exchanges of channel knowledge; None: no callback."""

    def draw(self, batch: int, occasions: int, seed: int) -> Fading:
        """Draw channel realisations of `batch` images for `occasions` transmissions in each direction.

        They depend on nothing but the configuration and `seed`; those of image b do not depend on `batch`.
        """
        return self.channel.draw(batch, occasions, seed)

    def allocator(self, num_layers: int, report_uses: int = 0, pilot_uses_per_prb: int = 0) -> Allocator:
        """Make the rule that gives the symbols of a message their resource elements.

        Args:
            num_layers: number of spatial layers.
            report_uses: number of REs of the channel report before each message.
            pilot_uses_per_prb: number of REs of the pilots before each message, for each PRB of its width.
        """
        c = self.config
        fixed = c.sync_uses + report_uses
        return Allocator(num_layers, c.max_prb, c.max_slots, c.dmrs_additional, fixed, pilot_uses_per_prb)

    def _medium(self) -> Medium:
        if self.config.flowgraph is not None:
            return FlowgraphMedium(self.config, self.config.flowgraph, self.channel)
        if self.config.impairments is not None:
            return TimeDomain(self.config, self.config.impairments, self.channel)
        return FrequencyDomain()
