"""The image strip says what was asked, and where nothing was."""

import torch

from taskwave.scenarios.figures.strip import Column, Strip, strip_figure


def test_attention_is_drawn_only_where_something_was_asked() -> None:
    images, answers = torch.rand(2, 3, 32, 32), torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    heat = torch.stack([torch.rand(4, 4), torch.ones(4, 4)])
    attention = Column("attention", images, None, heat, ("cars", ""))
    figure = strip_figure(Strip((Column("original", images, answers, None, ("IoU 0.50", "")), attention), "caption"))
    panels = [figure.axes[i] for i in (1, 5)]  # rows of images and of answers take turns, two columns
    assert [len(panel.images) for panel in panels] == [2, 1]
    assert figure.axes[2].get_xlabel() == "IoU 0.50"
    notes = [figure.axes[i].texts[0].get_text() for i in (3, 7)]
    assert "cars" in notes[0] and "asked nothing" in notes[1] and "“" not in notes[1]
