"""Links carry one kind of message over the air and count what it costs; the room `links` of TaskWave calls them.

`slot.py`: one allocation at both ends. `open_loop.py`: symbols without precoding. `calibration.py`: rehearsals over
channels of their own seeds. `uci.py`: words of one to six bits on the reverse link. `control_rate.py` and `control.py`:
headers and prompts, how strongly they are coded, and how many are lost. `symbol.py`: symbols of data, precoded if
configured. `transport.py`: bytes in one transmission. `harq.py`: bytes with retransmissions.
"""
