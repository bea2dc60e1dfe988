"""Precoding by a transmitter with several antennas: its knowledge of the channel, what that costs, its precoders.

`precoders.py`: codebook and precoders for a known channel. `sounding.py`: pilots without data that measure the channel.
`csi.py`: the transmitter's knowledge before a message, its age and its cost.
"""
