"""TaskWave's side of the benchmark: `Modulation`, `SymbolLink` on a `Radio`, and the LDPC code."""

from collections.abc import Callable

import torch

from taskwave.phy.benchmark.chain import CODE_RATE, LAYERED_ITERATIONS, MODULATION_ORDER, Setting
from taskwave.phy.channel.air import Air, AirInterface
from taskwave.phy.channel.fading import Fading
from taskwave.phy.channel.medium import SlotSignal
from taskwave.phy.coding.ldpc import BlockCode, BufferWindow
from taskwave.phy.coding.modulation import Modulation
from taskwave.phy.coding.transport_block import base_graph
from taskwave.phy.links.slot import SlotTransceiver, equalize
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.phy.receiver.detection import Observation
from taskwave.phy.seeds import generator


class TaskWaveChain:
    """Implements `Chain` with TaskWave.

    There is one code block for each layer. The decoder does all of its iterations, as there is no CRC.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._radio = Radio(setting.radio)
        self._link = SymbolLink(self._radio)
        self._modulation = Modulation(MODULATION_ORDER)
        self._allocation = self._link.allocator.full_slot
        self._num_bits = self._allocation.num_data_symbols * MODULATION_ORDER
        self._coded_bits = self._num_bits // setting.antennas
        self._block_bits = int(CODE_RATE * self._coded_bits)
        self._window = BufferWindow(self._coded_bits, rv=0)
        self._fading: Fading | None = None
        if setting.coded:
            graph = base_graph(self._block_bits, CODE_RATE)
            self._code = BlockCode(self._block_bits, graph, MODULATION_ORDER)
            self._positions = self._code.positions(self._window)

    def draw(self, seed: int) -> None:
        """Implement `Chain.draw`."""
        self._fading = self._radio.draw(self._setting.batch, 1, seed)

    def send(self, es_n0_db: float, seed: int) -> torch.Tensor:
        """Implement `Chain.send`."""
        bits = self._bits(seed)
        sent = self._encode(bits) if self._setting.coded else bits
        received = self._link.send(self._modulation.map(sent), self._air(es_n0_db, seed))
        logits = received.logits(self._modulation)
        return self._errors(bits, self._decode(logits) if self._setting.coded else logits > 0)

    def stages(self, es_n0_db: float, seed: int) -> list[tuple[str, Callable[[], None]]]:
        """Implement `Chain.stages`; what `SymbolLink.send` does with one slot is done stage by stage."""
        work = _Stages(self, SlotTransceiver(self._radio, self._allocation), es_n0_db, seed)
        coded = self._setting.coded
        return [
            ("fading draw", lambda: self.draw(seed)),
            ("frequency response", work.response),
            ("bits", work.bits),
            *([("LDPC encoding", work.encode)] if coded else []),
            ("modulation", work.map),
            ("grid", work.transmit),
            ("channel and noise", work.carry),
            ("channel estimation", work.observe),
            ("equalisation", work.equalize),
            ("demapping", work.demap),
            *([("LDPC decoding", work.decode)] if coded else []),
        ]

    def _air(self, es_n0_db: float, seed: int) -> Air:
        assert self._fading is not None, "draw comes first"
        return AirInterface(self._radio.config, self._fading, es_n0_db, seed).forward(0)

    def _bits(self, seed: int) -> torch.Tensor:
        blocks = (self._setting.antennas, self._block_bits) if self._setting.coded else (self._num_bits,)
        return torch.randint(0, 2, (self._setting.batch, *blocks), generator=generator(seed), dtype=torch.float32)

    def _encode(self, bits: torch.Tensor) -> torch.Tensor:
        return self._code.encode(bits.flatten(0, 1))[:, self._positions].view(len(bits), -1)

    def _decode(self, logits: torch.Tensor) -> torch.Tensor:
        soft = torch.zeros(self._setting.batch * self._setting.antennas, self._code.buffer_bits)
        soft[:, self._positions] = logits.view(len(soft), -1)
        decoded = self._code.decode(soft, frozenset({self._window}), _none_done, LAYERED_ITERATIONS)
        return decoded.view(self._setting.batch, self._setting.antennas, -1)

    @staticmethod
    def _errors(bits: torch.Tensor, decided: torch.Tensor) -> torch.Tensor:
        return (decided.float() != bits).flatten(1).float().mean(dim=1)


def _none_done(words: torch.Tensor) -> torch.Tensor:
    return torch.zeros(len(words), dtype=torch.bool)


class _Stages:
    """Carries one batch of messages, one stage at a time."""

    def __init__(self, chain: TaskWaveChain, slot: SlotTransceiver, es_n0_db: float, seed: int) -> None:
        self._chain, self._slot, self._es_n0_db, self._seed = chain, slot, es_n0_db, seed
        self._air: Air
        self._bits: torch.Tensor
        self._sent: torch.Tensor
        self._symbols: torch.Tensor
        self._grid: torch.Tensor
        self._signal: SlotSignal
        self._seen: Observation
        self._received: tuple[torch.Tensor, torch.Tensor]
        self._logits: torch.Tensor

    def response(self) -> None:
        self._air = self._chain._air(self._es_n0_db, self._seed)
        self._air.frequency_response(self._slot.allocation, 0)

    def bits(self) -> None:
        self._bits = self._sent = self._chain._bits(self._seed)

    def encode(self) -> None:
        self._sent = self._chain._encode(self._bits)

    def map(self) -> None:
        self._symbols = self._chain._modulation.map(self._sent)

    def transmit(self) -> None:
        self._grid = self._slot.transmit(self._symbols)

    def carry(self) -> None:
        (self._signal,) = self._chain._radio.medium.carry([self._slot.allocation], [self._grid], self._air, "data")

    def observe(self) -> None:
        self._seen = self._slot.observe(self._signal)

    def equalize(self) -> None:
        self._received = equalize(self._seen)

    def demap(self) -> None:
        self._logits = self._chain._modulation.llr(*self._received)

    def decode(self) -> None:
        self._chain._decode(self._logits)
