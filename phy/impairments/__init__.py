"""What the hardware of both ends does to the samples: oscillators, mixers, amplifiers, converters."""
