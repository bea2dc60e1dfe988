"""Source coders of the bit-wise links: image codecs stripped to their codestream, rate ladders, a label-map coder."""
