from collections import Counter

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import CommonWords, Text
from nodes.text_files import most_common, words_of

WORDS_REPORTED = 10


def find_common_words(ax: AxiomContext, input: Text) -> CommonWords:
    """Count all words and report the most frequent ones."""
    words: Counter[str] = Counter()
    for number, line in enumerate(input.lines):
        words.update(words_of(line))
        if number % 10_000 == 0:
            ax.progress(number / len(input.lines), f"line {number}")
    return CommonWords(word_count=words.total(), common_words=most_common(words, WORDS_REPORTED))
