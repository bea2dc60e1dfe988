"""A small neural channel estimator in Keras, over the TensorFlow bridge."""
