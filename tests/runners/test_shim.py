"""The child side: frames cut out of any sequence of receives, on any Python, alone."""

import ast
import inspect
import random
import sys

import pytest

from axiomd.runners import forking, shim


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
    data = b"".join(shim.HEAD.pack(len(b), kind, call) + b for kind, call, b in frames)
    sizes = iter(lambda: dice.choice([1, 13, 100, 65_536, 10**6]), None)
    assert feed(shim.Inbox(2**32 - 1), data, sizes) == frames


def test_a_frame_over_the_bound_is_refused_at_its_header():
    inbox = shim.Inbox(10)
    with pytest.raises(shim.FrameTooLong) as caught:
        feed(inbox, shim.HEAD.pack(11, shim.OUT, 5), iter([13]))
    assert (caught.value.kind, caught.value.call, caught.value.length) == (shim.OUT, 5, 11)


@pytest.mark.parametrize("module", [shim, forking], ids=["shim", "forking"])
def test_the_child_side_is_python_3_8_and_needs_the_standard_library_only(module):
    tree = ast.parse(inspect.getsource(module), feature_version=(3, 8))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        (node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
    }
    assert imported <= sys.stdlib_module_names


def test_texts_are_cut_and_never_raise():
    class Unprintable:
        def __str__(self):
            raise RuntimeError

    assert shim.cut(Unprintable()) == "<Unprintable without text: RuntimeError>"
    assert len(shim.cut("x" * 10**6)) == shim.TEXT_CHARS_MAX
