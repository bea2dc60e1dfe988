"""Image codecs over coded QAM: codestreams without their headers, rate ladders, and the links."""
