"""Bits to symbols and back: CRC, LDPC, rate matching, QAM, and the tables of NR that choose among them."""
