import re
from collections import Counter

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import LevelCount, LevelCounts, Text

LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")

_LEVEL = re.compile(r"\b(CRITICAL|FATAL|ERROR|WARNING|WARN|INFO|DEBUG)\b")
_SAME = {"FATAL": "CRITICAL", "WARN": "WARNING"}


def count_levels(ax: AxiomContext, input: Text) -> LevelCounts:
    """Count each line under the first log level that it mentions."""
    counts: Counter[str] = Counter()
    for line in input.lines:
        found = _LEVEL.search(line)
        if found:
            counts[_SAME.get(found[0], found[0])] += 1
    ax.log.info("counted levels", **counts)
    return LevelCounts(
        path=input.path,
        line_count=len(input.lines),
        levels=[LevelCount(level=level, lines=counts[level]) for level in LEVELS if counts[level]],
    )
