"""Messages over the air and what they cost: symbols, control words, short coded messages, bytes, HARQ."""
