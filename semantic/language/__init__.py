"""Textual prompts: what they mean, how they are said, sent as bits, and embedded."""
