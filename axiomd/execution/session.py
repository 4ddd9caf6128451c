"""A debug session as a history knows it: where it stops, what it holds, what it has let go."""

import json

import attrs

from axiomd.execution.execution import Debug
from axiomd.execution.journal import DEBUG_MODES, Entry, EntryKind
from axiomd.execution.position import Position
from axiomd.flow.artifact import Artifact


@attrs.define(eq=False)
class Session:
    """A debug session, as far as it has come."""

    debug: Debug | None = None
    """Where it stops; None if there is none."""
    breakpoints: frozenset[int] = frozenset()
    """Placements before which it stops."""
    held: dict[Position, None] = attrs.field(factory=dict)
    """Pending visits before which it has stopped, oldest first."""
    released: set[Position] = attrs.field(factory=set)
    """Pending visits that it has let go."""

    def take(self, entry: Entry, artifact: Artifact) -> None:
        """Take a command into account."""
        told = json.loads(entry.detail) if entry.detail else {}
        before = self.debug or Debug(told["mode"])
        names = tuple(told.get("breakpoints", before.breakpoints))
        self.debug = Debug(DEBUG_MODES.get(entry.kind, before.mode), names)
        self.breakpoints = frozenset(artifact.index_of[alias] for alias in names)
        for position in self.let_go_by(entry):
            del self.held[position]
            self.released.add(position)

    def let_go_by(self, entry: Entry) -> list[Position]:
        """The held visits that a command lets go."""
        if entry.kind is EntryKind.DEBUG_CONTINUED:
            return list(self.held)
        if entry.kind is EntryKind.DEBUG_STEPPED:
            assert entry.position in self.held
            return [entry.position]
        return []
