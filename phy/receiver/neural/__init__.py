"""A channel estimator that learns: its network in Keras, its weights, and the estimator around it."""
