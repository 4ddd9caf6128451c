import pathlib
import tempfile

from gen.axiom_testing import FakeContext
from gen.messages_pb2 import LevelCount, Report, Text, TextFile
from nodes.assess_report import assess_report
from nodes.count_levels import count_levels
from nodes.find_common_words import find_common_words
from nodes.find_longest_lines import find_longest_lines
from nodes.read_text import read_text
from nodes.render_report import render_report

LOG = [
    "12:00 INFO started the server",
    "12:01 WARN the disk is nearly full, really",
    "12:02 ERROR the disk is full",
    "a line without a level",
]


def test_the_file_is_read_line_by_line_whatever_its_bytes_are():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "some.log"
        path.write_bytes(b"one\ntwo \xff\n")
        text = read_text(FakeContext(), TextFile(path=str(path)))
    assert list(text.lines) == ["one", "two \ufffd"]
    assert not text.cut


def test_a_missing_path_is_named_in_the_error():
    said = ""
    try:
        read_text(FakeContext(), TextFile())
    except ValueError as error:
        said = str(error)
    assert "no path" in said


def test_every_line_counts_under_one_level():
    counts = count_levels(FakeContext(), Text(path="some.log", lines=LOG))
    assert counts.line_count == 4
    assert [(count.level, count.lines) for count in counts.levels] == [
        ("ERROR", 1),
        ("WARNING", 1),
        ("INFO", 1),
    ]


def test_the_most_common_word_comes_first():
    words = find_common_words(FakeContext(), Text(lines=LOG))
    assert words.common_words[0].word == "the"
    assert words.common_words[0].count == 3


def test_the_longest_line_comes_first():
    longest = find_longest_lines(FakeContext(), Text(lines=LOG)).longest_lines
    assert [line.number for line in longest] == [2, 1, 3]


def test_arms_merged_field_by_field_make_a_whole_report():
    text = Text(path="/logs/some.log", lines=LOG)
    arms = [
        node(FakeContext(), text) for node in (count_levels, find_common_words, find_longest_lines)
    ]
    report = Report.FromString(b"".join(arm.SerializeToString() for arm in arms))
    assessment = assess_report(FakeContext(), report)
    rendered = render_report(FakeContext(), assessment)
    assert rendered.title == "logs/some.log: 4 lines"
    assert "67% of the 3 lines" in rendered.text
    assert "ERROR" in rendered.text
    assert "line 2, 42 characters" in rendered.text


def test_much_trouble_is_logged_as_a_warning():
    ax = FakeContext()
    assess_report(ax, Report(levels=[LevelCount(level="ERROR", lines=3)]))
    assert ax.logged[0][0] == "warn"


def test_a_text_without_levels_is_no_log():
    assert "not a log" in assess_report(FakeContext(), Report()).verdict
