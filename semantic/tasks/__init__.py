"""The tasks of receivers, and the prompts that ask for what a task is uncertain about.

In order of knowledge: `segmentation` (network, logits and answers of the segmentation task), `demand` (the prompt that
follows from the logits).
"""
