"""The grids of a message as samples in time, with hardware that is not ideal and a receiver that synchronises itself.

In order of knowledge: `ofdm` (grids to samples and back), `multipath` (channels as taps), `transmitter` and `receiver`
(impairments of either end), `synchronization` (detection, carrier offset, delay, noise, each by itself), `acquisition`
(carrier offset and delay of a burst together), `burst` (a message with synchronisation symbols, made and read) and
`time_domain` (the medium that carries messages over a simulated channel this way).
"""
