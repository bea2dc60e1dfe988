"""The tasks of receivers: questions in text, their scores, and the prompts that ask for what a task is uncertain about.

The files in order of knowledge: `base.py` (what a task is), one file for each family of kinds (`segmentation.py`,
`objects.py`, `classification.py`), `questions.py` (the task that a wording asks), and `demand.py` (the prompt that
follows from the logits of a segmentation network). To add a kind, write a class as `base.Task` describes it with a
function that reads its wordings, and enter both in `questions.py`.
"""
