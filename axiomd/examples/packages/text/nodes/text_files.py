"""What the nodes of this package share: opening text files, finding words."""

import re
from collections import Counter
from pathlib import Path
from typing import TextIO

from gen.messages_pb2 import WordCount

_WORD = re.compile(r"[^\W\d_]{2,}(?:'[^\W\d_]+)?")


def open_text(path: str) -> TextIO:
    """The file at `path`, open for reading; bytes that are not UTF-8 become a mark."""
    if not path:
        raise ValueError("the input has no path: give the path of a text file on this box")
    return Path(path).open(encoding="utf-8", errors="replace")


def words_of(line: str) -> list[str]:
    """The words of a line, in lower case."""
    return _WORD.findall(line.lower())


def most_common(words: Counter[str], count: int) -> list[WordCount]:
    """The most frequent words; of equally frequent ones the one seen first."""
    return [WordCount(word=word, count=seen) for word, seen in words.most_common(count)]
