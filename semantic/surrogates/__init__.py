"""What a transmitter takes for the tasks of receivers, which it does not know, when it weighs what to send.

A surrogate looks at the original, and says how much of what it saw survives in another image. It is never a judge.
"""
