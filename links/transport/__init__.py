"""Payloads and prompts over coded QAM, for all links that send any.

In order of knowledge: `arrival` (the probability that a block arrives, calibrated on channels of its own seeds),
`quality` (what the receiver reports of the channel) and `rate` (the MCS that promises most within a budget, with or
without HARQ); beside them `prompts` (the receiver's textual prompt on the reverse link).
"""
