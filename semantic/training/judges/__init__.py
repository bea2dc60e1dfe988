"""The training of the judges: networks that answer questions, on clean pictures and what ordinary cameras do to them.

No judge sees the output of a link. `augmentation` is all that happens to their pictures; `pools` draws crops with boxes
and patches; `detector` and `reader` train one network each; `pretrained` fills the backbone with ImageNet weights.
"""
