"""What of the engine's tables a journal went through."""

from collections.abc import Iterable, Iterator

from axiomd.execution.history import History
from axiomd.execution.join import Row, matching
from axiomd.execution.journal import Entry, trigger_of
from axiomd.execution.status import PARKING, Status, Trigger, advance
from axiomd.flow.artifact import Artifact


def transitions_of(journal: Iterable[Entry]) -> Iterator[tuple[Status, Trigger]]:
    """The rows of the table of statuses."""
    status, parked = Status.QUEUED, False
    for entry in journal:
        trigger = trigger_of(entry, parked=parked)
        if trigger is not None:
            yield status, trigger
            status, parked = advance(status, trigger), trigger in PARKING


def rows_of(artifact: Artifact, journal: Iterable[Entry]) -> Iterator[Row]:
    """The rows of the table of gates that were met."""
    history = History(artifact)
    for entry in journal:
        history.apply(entry)
        for (placement, _), gate in history.gates.items():
            yield from matching(artifact.placements[placement].join, gate.tally)
