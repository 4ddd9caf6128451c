"""Pauses that double, so that nothing that fails again and again ever runs hot."""

import trio


class Backoff:
    """The pauses of one thing that is tried until it succeeds."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._next_s = first_s

    async def pause(self) -> None:
        """Wait; the next time twice as long, up to the most."""
        await trio.sleep(self._next_s)
        self._next_s = min(self._next_s * 2, self._most_s)

    def reset(self) -> None:
        """Something has come of it: begin with the first pause again."""
        self._next_s = self._first_s
