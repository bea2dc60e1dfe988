"""Textual prompts: their meaning, their wording, their bits on the feedback link and their embeddings.

In order of knowledge: `lexicon.toml` (all words), `vocabulary` (the tables read from it), `lexicon` (text to meaning
and meaning to text), `prompt_code` (text to bits and back), `text_encoder` (text to embeddings).
"""
