"""The calls that wait for a process of one package: tenants in turns, in a tenant who came first.

One tenant may have a thousand calls here; another one's call is served after one of them.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Waits(Protocol):
    """Whoever waits."""

    @property
    def tenant(self) -> str:
        """For whom."""
        ...

    @property
    def since(self) -> float:
        """From when on."""
        ...


W = TypeVar("W", bound=Waits)


class Line(Generic[W]):
    """Who waits, in the order in which they are served."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[W]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[W]:
        """Everybody: those of the tenant whose turn it is, then of the next."""
        for lane in self._lanes.values():
            yield from lane

    @property
    def first(self) -> W:
        """Whose turn it is; there must be somebody."""
        return next(iter(self._lanes.values()))[0]

    @property
    def since(self) -> float:
        """From when on somebody has waited; there must be somebody."""
        return min(lane[0].since for lane in self._lanes.values())

    def append(self, waiter: W) -> None:
        """One more, behind the others of the tenant."""
        lane = self._lanes.get(waiter.tenant)
        if lane is None:
            lane = self._lanes[waiter.tenant] = deque()
        lane.append(waiter)
        self._count += 1

    def serve(self, waiter: W) -> None:
        """It is no longer waiting, and its tenant has had its turn."""
        self.remove(waiter)
        if waiter.tenant in self._lanes:
            self._lanes.move_to_end(waiter.tenant)

    def remove(self, waiter: W) -> None:
        """It does not want to wait any more."""
        lane = self._lanes[waiter.tenant]
        lane.remove(waiter)
        self._count -= 1
        if not lane:
            del self._lanes[waiter.tenant]
