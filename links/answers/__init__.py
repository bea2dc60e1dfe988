"""Links whose transmitter owns the task networks and sends answers: bounds of another problem.

In order of knowledge: `binary_coder` (adaptive arithmetic coding of bits and runs), `label_map_coder` (label maps to
bytes and back, without loss), `object_coder` (lists of objects, words), `label_map` (maps of any size as payloads),
`networks` (what the task networks answer), `messages` (the answer to one question as a payload), `everything` (all
answers as one), `link` (the answer, and all answers) and `prompted` (the answer after a prompt).
"""
