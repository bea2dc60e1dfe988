"""What commands measure besides running a scenario: rates, peaks, loopback, the neural receiver."""
