"""The code of prompts as bits for the feedback link: a phrase book for common demands, else a code over words.

If the first bit is one, the number of a sentence of the phrase book follows. If it is zero, words follow in a static
Huffman code over the lexicon (Huffman 1952), in which frequent words are short. A word outside the lexicon is escaped:
the escape symbol, its length in bytes (8 bits) and its UTF-8. An end symbol closes the message. Zeros may be padded
behind either.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import torch

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.language.lexicon import COLUMNS, Meaning, canonical
from taskwave.semantic.language.vocabulary import normalise, split_words, vocabulary

END, ESCAPE = "<end>", "<escape>"
"""Symbols that close a message and announce a word outside the lexicon."""
MAX_BYTES = 255
"""Length of the longest text in bytes of UTF-8 after `normalise`."""
OWN_SHARE = 20
"""Weight of one use in the lexicon against one use in a canonical demand."""


@cache
def phrase_book() -> dict[str, int]:
    """Return the canonical demands for one to three classes, normalised, with their numbers."""
    column_sets = [c for size in (1, 2, 3) for c in itertools.combinations(COLUMNS, size)]
    choices = [c for size in (1, 2, 3) for c in itertools.combinations(range(NUM_CLASSES), size)]
    sentences = (normalise(canonical(Meaning(classes, columns))) for classes in choices for columns in column_sets)
    return {sentence: number for number, sentence in enumerate(sentences)}


def _number_bits() -> int:
    return (len(phrase_book()) - 1).bit_length()


def _frequencies() -> Counter[str]:
    """Count how often each word is expected, from its uses in the phrase book and in the lexicon."""
    counts: Counter[str] = Counter({word: OWN_SHARE * count for word, count in vocabulary().words.items()})
    for sentence in phrase_book():
        counts.update([*split_words(sentence), END])
    counts[ESCAPE] = counts[END] // 10
    return counts


def huffman(frequencies: Counter[str]) -> dict[str, str]:
    """Return the code words ("0110") of a Huffman code, by symbol.

    Ties are broken by the alphabetical order of the symbols.
    """
    heap: list[tuple[int, int, tuple[str, ...]]] = [
        (count, i, (symbol,)) for i, (symbol, count) in enumerate(sorted(frequencies.items()))
    ]
    heapq.heapify(heap)
    codes = dict.fromkeys(frequencies, "")
    tie = len(heap)
    while len(heap) > 1:
        (low, _, zeros), (high, _, ones) = heapq.heappop(heap), heapq.heappop(heap)
        for bit, symbols in (("0", zeros), ("1", ones)):
            for symbol in symbols:
                codes[symbol] = bit + codes[symbol]
        heapq.heappush(heap, (low + high, tie, zeros + ones))
        tie += 1
    return codes


@cache
def code_table() -> dict[str, str]:
    """Return the prefix code over the words of the bundled lexicon, `END` and `ESCAPE`."""
    return huffman(_frequencies())


@cache
def _symbols() -> dict[str, str]:
    return {code: symbol for symbol, code in code_table().items()}


def encode(text: str) -> list[int]:
    """Return the bits (0 or 1) of a prompt; `decode` gives `normalise(text)` back.

    Raises:
        ValueError: the text has no word, or more than `MAX_BYTES` bytes.
    """
    plain = normalise(text)
    size = len(plain.encode())
    if size > MAX_BYTES:
        raise ValueError(f"prompt of {size} bytes ('{text[:40]}…'): at most {MAX_BYTES} can be sent. Shorten it.")
    if size == 0:
        raise ValueError(f"prompt '{text}' has no words to send.")
    number = phrase_book().get(plain)
    if number is not None:
        return [1, *(int(b) for b in f"{number:0{_number_bits()}b}")]
    table = code_table()
    bits = "0" + "".join(table[word] if word in table else _escaped(word) for word in split_words(text))
    return [int(b) for b in bits + table[END]]


def _escaped(word: str) -> str:
    data = word.encode()
    return code_table()[ESCAPE] + "".join(f"{byte:08b}" for byte in (len(data), *data))


def decode(bits: Iterable[int] | torch.Tensor) -> str:
    """Return the text of bits made by `encode`; bits behind its end are ignored.

    Raises:
        ValueError: the bits stop before the end, name the number of no sentence, or escape what is not UTF-8.
    """
    stream = iter(bits.tolist() if isinstance(bits, torch.Tensor) else bits)
    if _take(stream) == "1":
        number = int("".join(_take(stream) for _ in range(_number_bits())), 2)
        if number >= len(phrase_book()):
            raise ValueError(f"the phrase book has {len(phrase_book())} sentences, there is none of number {number}.")
        return tuple(phrase_book())[number]
    words: list[str] = []
    while (symbol := _next_symbol(stream)) != END:
        words.append(_unescape(stream) if symbol == ESCAPE else symbol)
    return " ".join(words).replace(" ,", ",")


def _take(stream: Iterator[int]) -> str:
    bit = next(stream, None)
    if bit is None:
        raise ValueError("the bits of the prompt stop before its end symbol: the message was cut off.")
    return "1" if bit else "0"


def _next_symbol(stream: Iterator[int]) -> str:
    code = ""
    while code not in _symbols():
        code += _take(stream)
    return _symbols()[code]


def _unescape(stream: Iterator[int]) -> str:
    def byte() -> int:
        return int("".join(_take(stream) for _ in range(8)), 2)

    data = bytes(byte() for _ in range(byte()))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"an escaped word of the prompt is not UTF-8: {data!r}.") from error
