"""A channel estimator that is trained, and Keras models in PyTorch.

In order of knowledge: `tensorflow_bridge` (any Keras model as a differentiable module), `network` (the network in
Keras, and its weights as files) and `estimator` (the estimator around a network). `bundled/` holds the weights in the
package.
"""
