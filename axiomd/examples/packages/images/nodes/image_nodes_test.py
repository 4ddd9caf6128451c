import pathlib
import struct
import tempfile
import zlib

from gen.axiom_testing import FakeContext
from gen.messages_pb2 import Picture, PictureSet, TextFile
from nodes.compose_sheet import compose_sheet
from nodes.draw_text import BACKGROUND, SIZE, draw_text
from nodes.pixels import scaled
from nodes.scale_large import scale_large
from nodes.scale_medium import scale_medium
from nodes.scale_small import scale_small


def draw(content: bytes) -> Picture:
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "text"
        path.write_bytes(content)
        return draw_text(FakeContext(), TextFile(path=str(path)))


def test_text_leaves_a_mark_and_emptiness_does_not():
    assert draw(b"").rgb == bytes(BACKGROUND) * (SIZE * SIZE)
    assert draw(b"text\n").rgb != draw(b"").rgb
    assert len(draw(bytes(range(256)) * 9).rgb) == SIZE * SIZE * 3


def test_scaling_keeps_the_mean():
    black_and_white = Picture(width=2, height=2, rgb=b"\x00" * 6 + b"\xff" * 6)
    assert scaled(black_and_white, 1).rgb == b"\x7f\x7f\x7f"


def test_enlarging_repeats_pixels():
    one = Picture(width=1, height=1, rgb=b"abc")
    assert scaled(one, 2).rgb == b"abc" * 4


def test_the_branches_merged_make_a_sheet_that_is_a_png():
    picture = draw(b"def f(x):\n    return 2 * x\n" * 30)
    arms = [node(FakeContext(), picture) for node in (scale_small, scale_medium, scale_large)]
    merged = PictureSet.FromString(b"".join(arm.SerializeToString() for arm in arms))
    sheet = compose_sheet(FakeContext(), merged)
    assert sheet.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", sheet.png[16:24]) == (sheet.width, sheet.height)
    (length,) = struct.unpack(">I", sheet.png[33:37])
    pixels = zlib.decompress(sheet.png[41 : 41 + length])
    assert len(pixels) == sheet.height * (1 + 3 * sheet.width)
    assert [thumbnail.width for thumbnail in sheet.thumbnails] == [320, 192, 96]
