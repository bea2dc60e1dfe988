"""Precoding: channel knowledge at the transmitter, what it costs, and what it is used for."""
