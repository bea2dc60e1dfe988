"""The time-frequency grid of OFDM: which resource elements a message occupies, and the known symbols among them.

`allocation.py` cuts messages into allocations, one a slot, and counts their channel uses.
`pilots.py` makes the DMRS and synchronisation symbols and estimates the channel at them by least squares.
"""
