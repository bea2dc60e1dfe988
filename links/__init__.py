"""Links join radio and models: images and a channel-use budget in, answers and their cost out.

In order of knowledge: `base` (what every link obeys), `nothing` (the answer when nothing arrives, and the link that
sends nothing), `transport` (payloads and prompts over coded QAM), `bitwise` (image codecs over it), `rivals` (codecs
after a prompt), `answers` (the answer itself), `bounds` (image codecs over codes of information theory),
`task_adaptive` (the system of the project), `registry` (links by name). To add a link, write a class with the method
`run` of `base.Link` and enter it in `registry`, or announce it from another package under the entry-point group
`taskwave.links`.
"""
