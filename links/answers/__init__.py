"""Links whose transmitter owns the task network and sends the answer.

In order of knowledge: `binary_coder` (adaptive arithmetic coding of bits and runs), `label_map_coder` (label maps to
bytes and back, without loss) and `label_map` (the link that sends a label map).
"""
