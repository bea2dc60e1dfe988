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


def test_a_part_of_every_image_is_drawn_enlarged_where_there_is_one() -> None:
    images, answers = torch.rand(3, 3, 40, 80), torch.zeros(3, 40, 80, 3, dtype=torch.uint8)
    columns = (
        Column("original", images, answers, None, ("",) * 3),
        Column("attention", images, None, torch.rand(3, 4, 4), ("signs",) * 3),
    )
    parts = torch.tensor([[60.0, 5, 70, 15], [10, 5, 20, 15], [torch.nan] * 4])
    figure = strip_figure(Strip(columns, "caption", parts))
    insets = [panel.child_axes for panel in figure.axes]
    assert [len(each) for each in insets] == [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], "not over the attention"
    assert insets[0][0].get_xlim() == (59.5, 69.5) and insets[0][0].get_ylim() == (14.5, 4.5)
    middles = [inset[0].get_position().x0 for inset in (insets[0], insets[4])]
    assert middles[0] < middles[1], "each lies on the side where its part is not"
