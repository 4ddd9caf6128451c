import heapq

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import LongestLines, LongLine, Text

LINES_REPORTED = 3
START_CHARACTERS = 60


def find_longest_lines(ax: AxiomContext, input: Text) -> LongestLines:
    """Report the longest lines, the longest first."""
    numbered = enumerate(input.lines, 1)
    longest = heapq.nlargest(LINES_REPORTED, numbered, key=lambda item: len(item[1]))
    return LongestLines(
        longest_lines=[
            LongLine(number=number, characters=len(line), start=line.strip()[:START_CHARACTERS])
            for number, line in longest
        ]
    )
