"""Loading code that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept() -> Iterator[None]:
    """Import without looking for garbage; what is there behind it is never looked through again.

    What modules hold stays until the process ends: looking through it, again and again while it
    grows, takes a seventh of a start.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
