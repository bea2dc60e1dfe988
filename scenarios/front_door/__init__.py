"""What Python users call: `taskwave.load_link`, `taskwave.run` and `taskwave.read`.

In order of knowledge: `images` (whatever holds an image, as the tensor of a link), `reply` (what came back for one
image, and how it is shown), `transmission` (a link with its radio and networks, ready to send) and `runs` (the results
of a scenario as tables, arrays and figures). `taskwave/__init__.py` imports them when they are first used.
"""
