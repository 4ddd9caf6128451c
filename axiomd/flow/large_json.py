"""Large messages as JSON without holding them: small parts as values, large ones as references.

A message is walked where it lies, through a function that reads slices of it. What is small is
copied into a skeleton, a message of the same type, in which each large text or byte string is
replaced by a short token; the skeleton becomes JSON as any other message does. When the JSON is
written, each token gives way to its content, read piece by piece. A token cannot be foreseen, so
no message can contain one.
"""

import binascii
import codecs
import itertools
import json
import secrets
from collections.abc import Callable, Iterator, Sequence

import attrs
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from axiomd.flow.descriptors import message_of
from axiomd.limits import PIECE_BYTES_MAX

LEAF_BYTES_MIN = 256 * 1024
"""A text or byte string from this size on stays where it is."""

_TOKEN = secrets.token_hex(16)
_NUMBERS = itertools.count()
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_TAG_BYTES_MAX = 20
"""A tag and a length."""
_WINDOW_BYTES = 64 * 1024
_FIELDS_MAX = 20_000
"""Fields of a message that are walked over; one with more of them is better parsed whole."""

Slices = Callable[[int, int], bytes]
"""So many bytes of a message from an offset on: fewer only at its end."""


@attrs.frozen
class Leaf:
    """A large text or byte string, and the token that stands for it in JSON."""

    token: str
    read: Slices
    offset: int
    size: int
    is_text: bool

    def pieces(self) -> Iterator[bytes]:
        """The inside of its JSON text."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        end = self.offset + self.size
        for at in range(self.offset, end, PIECE_BYTES_MAX):
            piece = self.read(at, min(PIECE_BYTES_MAX, end - at))
            if self.is_text:
                text = decoder.decode(piece, final=at + len(piece) == end)
                yield json.dumps(text, ensure_ascii=False)[1:-1].encode()
            else:
                yield binascii.b2a_base64(piece, newline=False)


class Unwalkable(Exception):
    """The bytes are no message that can be walked; they may still be one that can be parsed."""


class Walk:
    """One message on its way to a skeleton."""

    def __init__(self, read: Slices, size: int) -> None:
        self._read = read
        self._size = size
        self._window = b""
        self._window_at = 0
        self._fields = 0
        self.leaves: list[Leaf] = []

    def skeleton(self, descriptor: Descriptor) -> bytes:
        """The message without its large texts and byte strings. Raises Unwalkable."""
        return bytes(self._copy(descriptor, 0, self._size))

    def _get(self, at: int, count: int) -> bytes:
        """A slice, by way of a window: fields are short and lie one behind the other."""
        if count > _WINDOW_BYTES:
            return self._read(at, count)
        start = at - self._window_at
        if start < 0 or start + count > len(self._window):
            self._window, self._window_at, start = self._read(at, _WINDOW_BYTES), at, 0
        return self._window[start : start + count]

    def _copy(self, descriptor: Descriptor, start: int, end: int) -> bytearray:
        out = bytearray()
        at = start
        while at < end:
            self._fields += 1
            if self._fields > _FIELDS_MAX:
                raise Unwalkable("too many fields")
            head = self._get(at, min(_TAG_BYTES_MAX, end - at))
            tag, used = _read_varint(head, 0)
            body, following = _extent(tag & 7, head, at, used)
            if following > end:
                raise Unwalkable("a field goes beyond its message")
            field = descriptor.fields_by_number.get(tag >> 3)
            if following - body < LEAF_BYTES_MIN or field is None:
                out += self._get(at, following - at)
            else:
                content = self._shorten(field, body, following)
                out += _varint(tag) + _varint(len(content)) + content
            at = following
        return out

    def _shorten(self, field: FieldDescriptor, start: int, end: int) -> bytes | bytearray:
        """What stands for a large field in the skeleton."""
        if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            return self._leave(field, start, end - start)
        if field.type == FieldDescriptor.TYPE_MESSAGE and _is_plain(message_of(field)):
            return self._copy(message_of(field), start, end)
        return self._get(start, end - start)

    def _leave(self, field: FieldDescriptor, start: int, length: int) -> bytes:
        """The stand-in of a large content, 42 bytes: a multiple of three, as base64 wants."""
        raw = f"{_TOKEN}{next(_NUMBERS):010d}".encode()
        is_text = field.type == FieldDescriptor.TYPE_STRING
        token = raw if is_text else binascii.b2a_base64(raw, newline=False)
        self.leaves.append(Leaf(token.decode(), self._read, start, length, is_text))
        return raw


def _extent(wire: int, head: bytes, at: int, used: int) -> tuple[int, int]:
    """Where the content of a field begins and ends, by its wire type."""
    if wire == _DELIMITED:
        length, used = _read_varint(head, used)
        return at + used, at + used + length
    if wire == _VARINT:
        return at + used, at + _read_varint(head, used)[1]
    if wire in _FIXED_BYTES:
        return at + used, at + used + _FIXED_BYTES[wire]
    raise Unwalkable(f"wire type {wire}")


def _is_plain(descriptor: Descriptor) -> bool:
    """Whether the fields of a message are its JSON form, so that one may be replaced in it."""
    return not descriptor.full_name.startswith("google.protobuf.")


def write_pieces(text: str, leaves: Sequence[Leaf]) -> Iterator[bytes]:
    """JSON text in pieces, none of them empty, each leaf in the place of its token."""
    return filter(None, _written(text, leaves))


def _written(text: str, leaves: Sequence[Leaf]) -> Iterator[bytes]:
    places = sorted((text.find(leaf.token), leaf.token, leaf) for leaf in leaves)
    at = 0
    for place, token, leaf in places:
        # A member of a oneof that another one overrode has a token that is nowhere.
        if place >= 0:
            yield text[at:place].encode(errors="backslashreplace")
            yield from leaf.pieces()
            at = place + len(token)
    yield text[at:].encode(errors="backslashreplace")


def _read_varint(head: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while at < len(head):
        byte = head[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise Unwalkable("a number without an end")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
