"""The order in which an XOR gate of a pipeline takes the frames of its arms.

An AND gate zips, so its inputs follow from the frames alone. An XOR gate passes frames as they
come, and that order is chance: so it is decided once, here, and recorded. Folding the record gives
the state back; nothing that was decided is ever decided again.
"""

from collections.abc import Iterable, Mapping

import attrs


@attrs.frozen
class Arrival:
    """Frames of one arm that a gate took one after another."""

    gate: int
    """The placement that took them."""
    index: int
    """Which of the gate's inputs the first of them is."""
    edge: int
    """The arm."""
    frame: int
    """Which of the arm's frames the first of them is."""
    count: int


class Order:
    """How far a gate has come: a fold of its arrivals."""

    def __init__(self, gate: int, edges: Iterable[int]) -> None:
        self._gate = gate
        self.decided = 0
        """Inputs of the gate whose frame is decided."""
        self.taken = dict.fromkeys(edges, 0)
        """For each arm: the frames that were taken of it."""

    def apply(self, arrival: Arrival) -> None:
        """Take one more arrival into account."""
        assert (arrival.index, arrival.frame) == (self.decided, self.taken[arrival.edge])
        self.decided += arrival.count
        self.taken[arrival.edge] += arrival.count
        # To the end: the arm that was served last comes last when the next ones are chosen.
        self.taken[arrival.edge] = self.taken.pop(arrival.edge)

    def decide(self, emitted: Mapping[int, int], limit: int) -> tuple[Arrival, ...]:
        """Take what has come, at most `limit` frames, and no arm's at the cost of another's.

        emitted: for each arm the frames there are. Empty if every one of them was taken.
        """
        ready = [edge for edge, taken in self.taken.items() if emitted[edge] > taken][:limit]
        arrivals = []
        for edge in ready:
            frame = self.taken[edge]
            count = min(emitted[edge] - frame, max(1, limit // len(ready)))
            arrival = Arrival(self._gate, self.decided, edge, frame, count)
            self.apply(arrival)
            arrivals.append(arrival)
        return tuple(arrivals)
