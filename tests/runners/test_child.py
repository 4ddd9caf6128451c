"""The child side: frames cut out of any sequence of receives, on any Python, alone."""

import ast
import random
import sys
from pathlib import Path

import pytest

from axiomd.runners.child import wire

CHILD = Path(wire.__file__).parent


def feed(inbox, data, sizes):
    """Fill `inbox` with `data` in pieces and take whatever is whole."""
    taken = []
    rest = memoryview(data)
    while rest:
        size = next(sizes)

        def recv_into(room, piece=rest, size=size):
            count = min(len(room), len(piece), size)
            room[:count] = piece[:count]
            return count

        rest = rest[inbox.fill(recv_into) :]
        while (frame := inbox.take()) is not None:
            taken.append(frame)
    return taken


@pytest.mark.parametrize("seed", range(20))
def test_frames_survive_any_cutting(seed):
    dice = random.Random(seed)
    lengths = [dice.choice([0, 1, 20, 5_000, 70_000, 300_000]) for _ in range(60)]
    frames = [(dice.randrange(256), dice.randrange(2**64), dice.randbytes(n)) for n in lengths]
    data = b"".join(wire.HEAD.pack(len(b), kind, call) + b for kind, call, b in frames)
    sizes = iter(lambda: dice.choice([1, 13, 100, 65_536, 10**6]), None)
    assert feed(wire.Inbox(2**32 - 1), data, sizes) == frames


def test_a_frame_over_the_bound_is_refused_at_its_header():
    inbox = wire.Inbox(10)
    with pytest.raises(wire.FrameTooLong) as caught:
        feed(inbox, wire.HEAD.pack(11, wire.OUT, 5), iter([13]))
    assert (caught.value.kind, caught.value.call, caught.value.length) == (wire.OUT, 5, 11)


@pytest.mark.parametrize("path", sorted(CHILD.glob("*.py")), ids=lambda path: path.stem)
def test_the_child_side_is_python_3_8_and_needs_the_standard_library_only(path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }
    assert imported <= sys.stdlib_module_names


def test_texts_are_cut_and_never_raise():
    class Unprintable:
        def __str__(self):
            raise RuntimeError

    assert wire.cut(Unprintable()) == "<Unprintable without text: RuntimeError>"
    assert len(wire.cut("x" * 10**6)) == wire.TEXT_CHARS_MAX
