"""What a receiver makes of a grid: channel estimation, equalisation, detection, and a neural estimator."""
