import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import FollowRequest, WordStatistics
from nodes.text_files import most_common, open_text, words_of

LINES_PER_FRAME = 50
WORDS_REPORTED = 5


def follow_words(ax: AxiomContext, inputs: Iterator[FollowRequest]) -> Iterator[WordStatistics]:
    """Emit what is known so far after every few lines of the file, and once at its end.

    Frames depend on the file alone: a redelivered node repeats them exactly.
    """
    for request in inputs:
        if ax.resume_index:
            ax.log.info("reading again from the start", frames_durable=ax.resume_index)
        yield from _statistics(ax, request)


def _statistics(ax: AxiomContext, request: FollowRequest) -> Iterator[WordStatistics]:
    words: Counter[str] = Counter()
    every = request.lines_per_frame if request.lines_per_frame > 0 else LINES_PER_FRAME
    number = read = 0
    with open_text(request.path) as file:
        total = Path(request.path).stat().st_size
        for number, line in enumerate(file, 1):
            words.update(words_of(line))
            read += len(line)
            if number % every == 0:
                ax.progress(min(read / total, 1.0), f"line {number}")
                yield _frame(words, number, complete=False)
                time.sleep(max(request.pause_ms, 0) / 1000)
    yield _frame(words, number, complete=True)


def _frame(words: Counter[str], lines: int, *, complete: bool) -> WordStatistics:
    return WordStatistics(
        lines=lines,
        words=words.total(),
        distinct_words=len(words),
        common_words=most_common(words, WORDS_REPORTED),
        complete=complete,
    )
