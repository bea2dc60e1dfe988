"""The task-adaptive link: general part, coarse image, textual prompt, attended detail, answer.

In order of knowledge: `plan` (which detail formats for how many cells promise most at an SNR and budget), `scores`
(what every cell is worth), `prompts` (the receiver's question on the reverse link), `reception` (detail at the
receiver, from nothing but what it knows), `detail` (the chosen cells and their header on the forward link) and `link`
(the rounds that both ends go through).
"""
