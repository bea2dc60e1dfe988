"""Image codecs over coded QAM.

In order of knowledge: `containers` (codestreams without the headers that a receiver knows; those of JPEG XL in
`jpegxl`), `image_codecs` (JPEG, JPEG 2000, WebP, AVIF, JPEG XL and HEVC as encode and decode), `ladder` (all scales and
qualities of an image, and what answers from them are worth), `source` (the best that fits in a number of bytes) and
`link` (the link). To add a codec, enter it in `image_codecs` and its names in the registry of links.
"""
