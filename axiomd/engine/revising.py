"""What is read, changed and written back: again, where somebody else has changed it meanwhile."""

from collections.abc import Awaitable, Callable

from axiomd.errors import Occupied
from axiomd.store.commit import RowsCommit
from axiomd.store.env import Store
from axiomd.store.writer import Writer, write_now

_TRIES = (*(False,) * 19, True)
"""Each says whether it is the last one."""

MakeCommit = Callable[[], RowsCommit | None]
"""Reads, and says what follows from that, with `still`; None if nothing does."""


async def revise(writer: Writer, make: MakeCommit) -> None:
    """Make what follows from what is stored durable.

    Raises what `make` does, StoreFull, and Occupied if others were faster every time. Cancelling
    leaves it made or not.
    """

    async def made() -> RowsCommit | None:
        return make()

    await revise_slowly(writer, made)


async def revise_slowly(writer: Writer, make: Callable[[], Awaitable[RowsCommit | None]]) -> None:
    """`revise` for what takes a wait to be made."""
    for last in _TRIES:
        commit = await make()
        try:
            if commit is not None:
                await writer.submit(commit).wait()
        except Occupied:
            if last:
                raise
        else:
            return


def revise_now(store: Store, make: MakeCommit) -> None:
    """`revise` without a writer: for commands beside a server."""
    for last in _TRIES:
        commit = make()
        try:
            if commit is not None:
                write_now(store, commit)
        except Occupied:
            if last:
                raise
        else:
            return
