"""Payloads over coded QAM for all bit-wise links: will a block arrive, and which rate promises most."""
