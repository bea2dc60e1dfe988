"""Word-level tokenizer over the lexicon, in the format of the tokenizers library (`tokenizer.json`)."""

import re

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from taskwave.semantic.vocabulary import APOSTROPHES, PAUSES, vocabulary

PAD, UNKNOWN, BEGIN, END = "<pad>", "<unk>", "<bos>", "<eos>"
MAX_TOKENS = 64
"""Longest sequence of the bundled text encoder, `<bos>` and `<eos>` included."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Tokenizer whose ids follow the sorted lexicon words; unknown words become `<unk>`.

    Its normaliser does what `vocabulary.normalise` does, so that the saved file works on raw text by itself.
    """
    words = [PAD, UNKNOWN, BEGIN, END, *sorted(vocabulary().words)]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(f"[{re.escape(APOSTROPHES)}]"), ""),
            normalizers.Replace(Regex(f"[{re.escape(PAUSES)}]"), ","),
            normalizers.Replace(Regex(r"[^\p{L}\p{N},]+"), " "),
            normalizers.Replace(Regex(r"[ ,]*,[ ,]*"), " , "),
            normalizers.Replace(Regex(r"^[ ,]+|[ ,]+$"), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(t, words.index(t)) for t in (BEGIN, END)]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        model_max_length=MAX_TOKENS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        bos_token=BEGIN,
        eos_token=END,
    )
