"""Detail over a real radio: it arrives where it belongs, and costs what it occupies."""

from dataclasses import replace

import pytest
import torch

from taskwave.links.task_adaptive.detail import DetailOrder, DetailTransfer, EncodedImages, Holdings
from taskwave.links.task_adaptive.prompts import reported_snr
from taskwave.links.task_adaptive.scores import refined
from taskwave.phy.channel.air import AirInterface
from taskwave.phy.config.radio import RadioConfig
from taskwave.phy.links.symbol import SymbolLink
from taskwave.phy.radio import Radio
from taskwave.semantic.codec.detail import Holding

LAYERS = (8, 16, 32)
GENERAL = LAYERS[0]
CELLS = 48


@pytest.fixture(scope="module")
def radio() -> Radio:
    return Radio(RadioConfig(channel="rayleigh"))


def air_at(radio: Radio, es_n0_db: float, batch: int = 3) -> AirInterface:
    return AirInterface(radio.config, radio.draw(batch, 3, seed=1), es_n0_db, seed=2)


def nominal_snr(air: AirInterface) -> float:
    return 1 / SymbolLink(Radio(air.config)).nominal_noise(air.forward(0), 384)


def order_of(scores: torch.Tensor, allowed: torch.Tensor, air: AirInterface) -> DetailOrder:
    """Nobody has reported anything, and both ends know it."""
    snr = nominal_snr(air)
    return DetailOrder(scores, allowed, snr, [snr] * len(scores), [None] * len(scores))


def random_source(batch: int = 3) -> EncodedImages:
    scenes = torch.randn(batch, 27, 24, 32, generator=torch.Generator().manual_seed(0))
    reals = torch.randn(batch, sum(LAYERS), 6, 8, 2, generator=torch.Generator().manual_seed(2))
    return EncodedImages(scenes, scenes[:, :16], torch.view_as_complex(reals) / 2**0.5)


def holdings(source: EncodedImages, general_noise: float = 0.5) -> Holdings:
    """Receiver's and transmitter's after the general part."""
    general = source.symbols[:, : LAYERS[0]]
    held = Holding.empty(source.symbols, source.latents)
    held = held.with_general(general, torch.full(general.shape, general_noise))
    return Holdings(held, held)


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.rand(3, CELLS, generator=torch.Generator().manual_seed(1))


def test_the_best_cells_arrive_where_they_belong(scores: torch.Tensor) -> None:
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    transfer, source = DetailTransfer(radio, LAYERS, named=True), random_source()
    held = holdings(source)
    allowed, air = torch.tensor([700, 1500, 2500]), air_at(radio, 40.0)
    held, expense = transfer.send(source, held, order_of(scores, allowed, air), air, 1)
    uses = expense.uses
    assert bool((uses <= allowed).all()) and bool((uses > 0.8 * allowed).all())
    for i in range(3):
        plan = transfer.plan(int(allowed[i]), CELLS, nominal_snr(air), air, 1)
        arrived = refined(held.received, GENERAL)[i]
        assert int(arrived.sum()) in {sum(tier.count for tier in option) for option in plan.options}
        assert scores[i][arrived].min() > scores[i][~arrived].max()
    assert torch.equal(held.received.latent_noise.isfinite(), held.sent.latent_noise.isfinite())
    got = held.received.symbol_noise.isfinite()
    torch.testing.assert_close(held.received.symbols[got], source.symbols[got], atol=0.2, rtol=0)
    got = held.received.latent_noise.isfinite()
    assert bool(got.any())
    torch.testing.assert_close(held.received.latents[got], source.latents[got], atol=0.3, rtol=0)


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("allowed", [300, 700, 2500])
def test_receiver_and_transmitter_agree_on_the_cells(scores: torch.Tensor, named: bool, allowed: int) -> None:
    """Also when no header names them."""
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    source, air = random_source(), air_at(radio, 40.0)
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named)
    held, _ = transfer.send(source, held, order_of(scores, torch.full((3,), allowed), air), air, 1)
    assert bool(refined(held.sent, GENERAL).any(1).all())
    assert torch.equal(refined(held.received, GENERAL), refined(held.sent, GENERAL))
    assert torch.equal(held.received.symbol_noise.isfinite(), held.sent.symbol_noise.isfinite())
    assert torch.equal(held.received.latent_noise.isfinite(), held.sent.latent_noise.isfinite())


def test_few_relevant_cells_get_a_finer_format_than_many(radio: Radio) -> None:
    transfer, source = DetailTransfer(radio, LAYERS, named=True), random_source(2)
    scores = torch.stack([torch.zeros(CELLS), torch.ones(CELLS)])
    scores[0, 20:23] = 1
    held = holdings(source)
    air = air_at(radio, 30.0, 2)
    held, _ = transfer.send(source, held, order_of(scores, torch.full((2,), 600), air), air, 1)
    assert bool(refined(held.sent, GENERAL)[0, 20:23].all()) and bool(held.sent.latent_noise[0].isfinite().any())
    assert not bool(held.sent.latent_noise[1].isfinite().any()) and int(refined(held.sent, GENERAL)[1].sum()) > 20


def test_a_lost_header_costs_its_channel_uses_and_changes_nothing(radio: Radio, scores: torch.Tensor) -> None:
    source, air = random_source(), air_at(radio, -25.0)
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    held, expense = transfer.send(source, held, order_of(scores, torch.full((3,), 900), air), air, 1)
    assert bool((expense.uses > 600).all())
    assert not bool(refined(held.received, GENERAL).any())
    assert bool(refined(held.sent, GENERAL).any()), "the transmitter cannot know"


def test_a_second_round_sends_other_cells(radio: Radio, scores: torch.Tensor) -> None:
    source = random_source()
    held = holdings(source)
    transfer = DetailTransfer(radio, LAYERS, named=True)
    air = air_at(radio, 30.0)
    for occasion in (1, 2):
        before = int(refined(held.sent, GENERAL).sum())
        fresh = torch.where(refined(held.sent, GENERAL), 0.0, scores)
        held, _ = transfer.send(source, held, order_of(fresh, torch.full((3,), 250), air), air, occasion)
        assert int(refined(held.sent, GENERAL).sum()) >= before + 3
    assert bool((refined(held.sent, GENERAL).sum(1) > 1).all())


@pytest.mark.parametrize("heard", [False, True])
def test_both_ends_agree_whether_or_not_the_report_was_heard(scores: torch.Tensor, heard: bool) -> None:
    """The receiver reported 7 dB less than nominal; the transmitter plans for what it knows, and says so."""
    radio = Radio(RadioConfig(channel="awgn", num_layers=1, csi="perfect"))
    source, air = random_source(), air_at(radio, 20.0)
    transfer, allowed = DetailTransfer(radio, LAYERS, named=True), torch.full((3,), 900)
    mine = reported_snr(nominal_snr(air) / 5)
    order = replace(order_of(scores, allowed, air), reported=[mine] * 3, heard=[mine if heard else None] * 3)
    plans = [transfer.plan(900, CELLS, snr, air, 1) for snr in (nominal_snr(air), mine)]
    assert plans[0].options != plans[1].options
    held, _ = transfer.send(source, holdings(source), order, air, 1)
    assert bool(refined(held.received, GENERAL).any(1).all())
    assert torch.equal(held.received.symbol_noise.isfinite(), held.sent.symbol_noise.isfinite())
    assert torch.equal(held.received.latent_noise.isfinite(), held.sent.latent_noise.isfinite())
    options = {sum(tier.count for tier in option) for option in plans[heard].options}
    assert set(refined(held.received, GENERAL).sum(1).tolist()) <= options


def test_blind_detail_needs_no_header_and_pays_for_none(radio: Radio, scores: torch.Tensor) -> None:
    """Neither a deep fade nor a lost control message keeps the receiver from placing it."""
    source, transfer = random_source(), DetailTransfer(radio, LAYERS, named=False)
    for es_n0_db in (-25.0, 20.0):
        air = air_at(radio, es_n0_db)
        held, expense = transfer.send(source, holdings(source), order_of(scores, torch.full((3,), 900), air), air, 1)
        for name in ("symbol_noise", "latent_noise"):
            before, *after = (getattr(h, name) for h in (holdings(source).sent, held.sent, held.received))
            sent, received = (noise != before for noise in after)
            assert torch.equal(sent, received) and (name == "latent_noise" or bool(sent.any()))
        plan = transfer.plan(900, CELLS, nominal_snr(air), air, 1)
        size = sum(tier.count * tier.form.symbols_per_cell(LAYERS) for tier in plan.options[0])
        assert set(expense.uses.tolist()) == {transfer.link.channel_uses(size)}


def test_header_and_detail_last_as_long_as_the_longer_one(scores: torch.Tensor) -> None:
    radio = Radio(RadioConfig(channel="rayleigh", max_prb=4))
    source, air = random_source(), air_at(radio, 15.0)
    for named in (False, True):
        transfer = DetailTransfer(radio, LAYERS, named)
        _, expense = transfer.send(source, holdings(source), order_of(scores, torch.full((3,), 2500), air), air, 1)
        full = transfer.link.allocator.full_slot.channel_uses
        assert expense.slots.tolist() == [-(-uses // full) for uses in expense.uses.tolist()]
