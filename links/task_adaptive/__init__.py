"""The task-adaptive link: a general part, the receiver's prompt, windows that answer it, and a picture fused of all.

In order of knowledge: `state` (what the ends know of a question, and how far an image has come), `header` and `content`
(what is said of the windows of a message, as symbols and as bytes), `plan` (how many symbols of each), `general` (the
part that nobody asks for), `asking` (the receiver's prompt, twice if need be), `analog` and `digital` (windows as
symbols and as bits; `adaptation` chooses MCS and rate), `samples` (pictures that agree with what arrived), `link` (the
exchange that both ends go through), `receiver` (of what it is unsure) and `rounds` (exchanges until it is sure).
"""
