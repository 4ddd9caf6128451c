from collections.abc import Iterator
from pathlib import PurePath

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import Assessment, RenderedReport

BAR_CHARACTERS = 30


def render_report(ax: AxiomContext, input: Assessment) -> RenderedReport:
    """Write the report as text for a terminal."""
    place = "/".join(PurePath(input.report.path).parts[-2:])
    title = f"{place}: {input.report.line_count} lines"
    return RenderedReport(title=title, text="\n".join(_lines(input)) + "\n")


def _lines(input: Assessment) -> Iterator[str]:
    report = input.report
    yield input.verdict
    yield ""
    levels = [(count.level, count.lines) for count in report.levels]
    yield from _bars("Log levels", levels)
    words = [(count.word, count.count) for count in report.common_words]
    yield from _bars(f"Most common of {report.word_count} words", words)
    yield "Longest lines"
    for line in report.longest_lines:
        yield f"  line {line.number}, {line.characters} characters: {line.start}"


def _bars(title: str, counts: list[tuple[str, int]]) -> Iterator[str]:
    yield title
    most = max((count for _, count in counts), default=1)
    for name, count in counts:
        yield f"  {name:<12} {count:>7} {'#' * -(-count * BAR_CHARACTERS // most)}"
    yield ""
