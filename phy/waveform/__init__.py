"""The same grids as samples: OFDM, multipath, hardware that is not ideal, synchronisation."""
