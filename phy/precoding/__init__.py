"""What a transmitter with several antennas knows of the channel, what that costs, and its precoders."""
