"""Scenarios drive links over grids of SNR, bandwidth, channel and task; they store, plot and report."""
