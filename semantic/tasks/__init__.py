"""The tasks of receivers: questions in text, their answers, and the scores of answers.

The files in order of knowledge: `base.py` (what a task is), one file for each family of kinds (`segmentation.py`,
`objects.py`, `classification.py`), `questions.py` (the task that a wording asks), `places.py` (where an answer lies)
and `pooling.py` (one answer from those on several samples). To add a kind, write a class as `base.Task` describes it
with a function that reads its wordings, and enter both in `questions.py`.
"""
