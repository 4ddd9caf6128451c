"""What must come out of a story, computed as naively as can be: no store, no engine, no order."""

import attrs
from worlds.flows import Story, answer


@attrs.frozen
class Outcome:
    """How an execution of a story must end."""

    failing: frozenset[str]
    """Aliases that may be the one it fails at; empty if it completes."""
    outputs: dict[str, bytes] = attrs.field(factory=dict)
    """Of a unary story that completes: what each placement returned."""
    frames: dict[str, list[bytes]] = attrs.field(factory=dict)
    """Of a pipeline: what each placement emits, if none fails."""


def expected(story: Story, payload: bytes) -> Outcome:
    if story.artifact.mode == "unary":
        return _expected_unary(story, payload)
    return _expected_pipeline(story, payload)


def doomed(story: Story, alias: str) -> bool:
    """Whether no call that the retry policy allows can end well.

    What must run once is not charged for its crashes: a person settles them.
    """
    behaviour = story.behaviour(alias)
    placement = story.artifact.placements[story.artifact.index_of[alias]]
    charged = behaviour.stumbles + (0 if placement.once else behaviour.crashes)
    return behaviour.fate != "fine" or charged >= placement.retry.max_attempts


def _expected_unary(story: Story, payload: bytes) -> Outcome:
    outputs: dict[str, bytes] = {}
    reached_and_doomed: set[str] = set()
    for alias, sources in _in_order(story):
        if any(source not in outputs for source in sources):
            continue
        merged = b"".join(outputs[source] for source in sources) if sources else payload
        if doomed(story, alias):
            reached_and_doomed.add(alias)
        else:
            outputs[alias] = answer(alias, merged, pad=story.behaviour(alias).pad)
    return Outcome(frozenset(reached_and_doomed), outputs if not reached_and_doomed else {})


def _expected_pipeline(story: Story, payload: bytes) -> Outcome:
    frames: dict[str, list[bytes]] = {}
    failing: set[str] = set()
    for alias, sources in _in_order(story):
        arms = [frames[source] for source in sources]
        inputs = [b"".join(row) for row in zip(*arms, strict=False)] if arms else [payload]
        behaviour = story.behaviour(alias)
        if doomed(story, alias):
            failing.add(alias)
        if story.artifact.placements[story.artifact.index_of[alias]].kind == "pipeline":
            frames[alias] = [
                answer(alias, item, number, behaviour.pad)
                for item in inputs
                for number in range(behaviour.fan)
            ] + [answer(alias, b"rest", number, behaviour.pad) for number in range(behaviour.rest)]
        else:
            frames[alias] = [answer(alias, item, pad=behaviour.pad) for item in inputs]
    return Outcome(frozenset(failing), frames=frames)


def _in_order(story: Story) -> list[tuple[str, list[str]]]:
    """Each alias with its sources in edge order, sources first."""
    artifact = story.artifact
    names = [placement.alias for placement in artifact.placements]
    wanted = {name: [] for name in names}
    for edge in artifact.edges:
        wanted[names[edge.destination]].append(names[edge.source])
    done: list[tuple[str, list[str]]] = []
    while len(done) < len(names):
        known = {alias for alias, _ in done}
        done += [(n, s) for n, s in wanted.items() if n not in known and known.issuperset(s)]
    return done
