"""The training of the judges: networks that answer questions, on clean pictures and what ordinary cameras do to them.

No judge sees the output of a link. `augmentation` is all that happens to their pictures; `pools` draws crops with boxes
and patches; `pretrained` fills the backbone with ImageNet weights; `detector` and `reader` train one network each;
`workshop` trains a judge from one of `recipes`.
"""
