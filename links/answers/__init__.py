"""Links that own the task network at the transmitter and send its answer."""
