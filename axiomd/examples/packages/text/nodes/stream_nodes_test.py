import pathlib
import tempfile

from gen.axiom_testing import FakeContext
from gen.messages_pb2 import FollowRequest, WordStatistics
from nodes.describe_words import describe_words
from nodes.follow_words import follow_words


def follow(text: str, lines_per_frame: int) -> list[WordStatistics]:
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "text"
        path.write_text(text, encoding="utf-8")
        request = FollowRequest(path=str(path), lines_per_frame=lines_per_frame)
        return list(follow_words(FakeContext(), iter([request])))


def test_a_frame_follows_every_few_lines_and_the_end():
    frames = follow("one two\n" * 5, lines_per_frame=2)
    assert [(frame.lines, frame.words, frame.complete) for frame in frames] == [
        (2, 4, False),
        (4, 8, False),
        (5, 10, True),
    ]


def test_reading_again_gives_the_same_frames():
    text = "so it goes\nand so on\n" * 40
    assert follow(text, 7) == follow(text, 7)


def test_an_empty_file_gives_one_frame():
    (frame,) = follow("", 10)
    assert frame.complete
    assert describe_words(FakeContext(), frame).text.startswith("all 0 lines: 0 words")
