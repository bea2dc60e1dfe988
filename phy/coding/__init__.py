"""Bits as symbols and back: QAM, CRC, LDPC, polar codes and rate matching, and the tables of NR that choose among them.

`modulation.py`: scrambling, QAM and interleaving. `mcs.py`: tables of schemes and channel quality, outer loop.
`ldpc.py`: code blocks, circular buffer, decoder. `transport_block.py`: CRCs and segmentation.
`transport_code.py`: whole transport blocks and their soft buffers. `polar.py`: code words of control messages.
"""
