from gen.axiom_context import AxiomContext
from gen.messages_pb2 import WordSentence, WordStatistics


def describe_words(ax: AxiomContext, input: WordStatistics) -> WordSentence:
    """One sentence for one frame of statistics."""
    common = ", ".join(f"{count.word} ({count.count})" for count in input.common_words)
    text = (
        f"{'all' if input.complete else 'first'} {input.lines} lines: {input.words} words, "
        f"{input.distinct_words} distinct; most common: {common or 'none'}"
    )
    return WordSentence(lines=input.lines, text=text)
