"""What the nodes of this package share: scaling, placing and encoding of RGB pixels."""

import itertools
import struct
import zlib

from gen.messages_pb2 import Picture

WHITE = b"\xff\xff\xff"


def scaled(picture: Picture, size: int) -> Picture:
    """The picture, `size` pixels wide and high; each pixel is the mean of those it stands for."""
    columns = _spans(picture.width, size)
    rows = _spans(picture.height, size)
    pixels = bytearray()
    for top, bottom in rows:
        sums = _summed_rows(picture, top, bottom)
        for left, right in columns:
            area = (right - left) * (bottom - top)
            pixels += bytes(
                sum(sums[left * 3 + channel : right * 3 : 3]) // area for channel in range(3)
            )
    return Picture(width=size, height=size, rgb=bytes(pixels))


def _spans(length: int, parts: int) -> list[tuple[int, int]]:
    """`length` cut into `parts`, each at least one long."""
    starts = [part * length // parts for part in range(parts + 1)]
    return [(start, max(end, start + 1)) for start, end in itertools.pairwise(starts)]


def _summed_rows(picture: Picture, top: int, bottom: int) -> list[int]:
    width = picture.width * 3
    rows = [picture.rgb[row * width : (row + 1) * width] for row in range(top, bottom)]
    return [sum(column) for column in zip(*rows, strict=True)]


def side_by_side(pictures: list[Picture], margin: int) -> Picture:
    """The pictures from left to right on white, aligned at the top."""
    height = max(picture.height for picture in pictures) + 2 * margin
    width = sum(picture.width + margin for picture in pictures) + margin
    gap = WHITE * margin
    rows = []
    for y in range(-margin, height - margin):
        row = gap
        for picture in pictures:
            row += _row(picture, y) + gap
        rows.append(row)
    return Picture(width=width, height=height, rgb=b"".join(rows))


def _row(picture: Picture, y: int) -> bytes:
    length = picture.width * 3
    return (
        picture.rgb[y * length : (y + 1) * length]
        if 0 <= y < picture.height
        else WHITE * picture.width
    )


def png(picture: Picture) -> bytes:
    """The picture as a PNG file."""
    length = picture.width * 3
    rows = b"".join(
        b"\x00" + picture.rgb[start : start + length]
        for start in range(0, len(picture.rgb), length)
    )
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
