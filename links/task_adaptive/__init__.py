"""The task-adaptive link: general part, coarse image, textual prompt, attended detail, answer.

In order of knowledge: `plan` (which detail formats for how many cells promise most at an SNR and budget), `prompts`
(the receiver's question on the reverse link), `detail` (the chosen cells and their header on the forward link) and
`link` (the rounds that both ends go through).
"""
