"""OFDM in the time domain: bursts of slots, and the synchronisation that finds them."""
