"""A channel estimator that is trained.

`estimator.py`: the estimator around a network. `network.py`: the network in Keras, and its weights as files.
`bundled/`: the weights in the package.
"""
