"""Prompts as bits for the feedback link: a static Huffman code over the words of the lexicon (Huffman 1952).

Frequent words of the receiver's own demands are short. A word outside the lexicon is escaped: the escape symbol, its
length in bytes (8 bits) and its UTF-8. An end symbol closes the message, so that zeros may be padded behind it.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache

import torch

from taskwave.semantic.classes import NUM_CLASSES
from taskwave.semantic.lexicon import COLUMNS, Meaning, canonical
from taskwave.semantic.vocabulary import normalise, split_words, vocabulary

END, ESCAPE = "<end>", "<escape>"
MAX_BYTES = 255
"""Longest text, in bytes of UTF-8 after `normalise`."""
OWN_SHARE = 20
"""Weight of one use in the lexicon against one use in a canonical demand."""


def _frequencies() -> Counter[str]:
    """How often each word is expected: canonical demands for one to three classes, and the lexicon's own uses."""
    counts: Counter[str] = Counter({word: OWN_SHARE * count for word, count in vocabulary().words.items()})
    places = [c for size in (1, 2, 3) for c in itertools.combinations(COLUMNS, size)]
    for size in (1, 2, 3):
        for classes in itertools.combinations(range(NUM_CLASSES), size):
            for columns in places:
                counts.update([*split_words(canonical(Meaning(classes, columns))), END])
    counts[ESCAPE] = counts[END] // 10
    return counts


def huffman(frequencies: Counter[str]) -> dict[str, str]:
    """Code words ("0110") by symbol; ties are broken by the symbols' alphabetical order."""
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
    """The code of the bundled lexicon: a prefix code over its words, `END` and `ESCAPE`."""
    return huffman(_frequencies())


@cache
def _symbols() -> dict[str, str]:
    return {code: symbol for symbol, code in code_table().items()}


def encode(text: str) -> list[int]:
    """Bits (0 or 1) of a prompt; `decode` gives `normalise(text)` back.

    Raises `ValueError` for text without any word or of more than `MAX_BYTES` bytes.
    """
    size = len(normalise(text).encode())
    if size > MAX_BYTES:
        raise ValueError(f"prompt of {size} bytes ('{text[:40]}…'): at most {MAX_BYTES} can be sent. Shorten it.")
    if size == 0:
        raise ValueError(f"prompt '{text}' has no words to send.")
    table = code_table()
    bits = "".join(table[word] if word in table else _escaped(word) for word in split_words(text))
    return [int(b) for b in bits + table[END]]


def _escaped(word: str) -> str:
    data = word.encode()
    return code_table()[ESCAPE] + "".join(f"{byte:08b}" for byte in (len(data), *data))


def decode(bits: Iterable[int] | torch.Tensor) -> str:
    """Text of `encode`d bits; whatever follows the end symbol is ignored.

    Raises `ValueError` when the bits stop before the end symbol or escape what is not UTF-8.
    """
    stream = iter(bits.tolist() if isinstance(bits, torch.Tensor) else bits)
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
