"""The receiver of a grid: channel estimation, equalisation and detection, and a neural estimator.

`estimation.py`: least squares and LMMSE from DMRS. `equalization.py`: LMMSE estimates of the layers.
`candidates.py`: logits from a tree search. `detection.py`: detectors of QAM on all layers together.
`neural/`: a channel estimator that is trained.
"""
