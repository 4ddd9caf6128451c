"""Flows for tests, built without a compiler, and what their nodes do.

A node's answer depends on its alias and its input alone, so that `oracle.py` can say what must
come out without knowing anything of engine or store.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import attrs

from axiomd.flow.artifact import (
    Artifact,
    Compensate,
    Edge,
    FanOut,
    Hitl,
    Join,
    Mode,
    Placement,
    Retry,
)
from axiomd.limits import KIB

TENANT = "tenant"

Fate = Literal["fine", "fail", "crash", "vanish", "hang"]
"""`fail` raises · `crash` dies each time · `vanish` is lost each time · `hang` never answers."""

Answer = Literal["approve", "reject", "silent"]


@attrs.frozen
class Behaviour:
    """What one placement's node does."""

    fate: Fate = "fine"
    crashes: int = 0
    """Calls, from the first, that die before there is a call that ends as `fate` says."""
    losses: int = 0
    """Calls after those that are lost."""
    stumbles: int = 0
    """Calls after those that raise."""
    fails_below: int = 0
    """Inputs of 256, as a die made of the input falls, that it always fails for."""
    pad: int = 0
    """Bytes more in each answer."""
    fan: int = 1
    """Frames for each input (generators)."""
    rest: int = 0
    """Frames after the last input (generators)."""
    says: bool = False
    """Logs and reports progress."""
    fickle: bool = False
    """Answers differently with each call (generators)."""
    person: Answer = "approve"
    """What becomes of its pause: `silent` leaves it to the policy of its timeout."""
    told: bytes | None = None
    """What a person gives as the input of a paused visit; None leaves it as it is."""
    edited: bytes | None = None
    """What a debug session makes the input of a held visit; None leaves it as it is."""


FINE = Behaviour()


@attrs.frozen
class Story:
    """A flow and what its nodes do."""

    artifact: Artifact
    behaviours: Mapping[str, Behaviour] = attrs.field(factory=dict)
    subflows: Mapping[str, "Story"] = attrs.field(factory=dict)
    """By alias: what runs as a child in the place of a node."""

    def behaviour(self, alias: str) -> Behaviour:
        return self.behaviours.get(alias, FINE)

    @property
    def family(self) -> Iterator["Story"]:
        """It, and all that run as children of it."""
        yield self
        for story in self.subflows.values():
            yield from story.family


def answer(alias: str, payload: bytes, number: int = 0, pad: int = 0) -> bytes:
    """What a well-behaved node says: short, and different for every input."""
    known = payload if len(payload) <= 48 else hashlib.sha256(payload).hexdigest()[:16].encode()
    return b"%s.%d(%s)" % (alias.encode(), number, known) + b"=" * pad


def flow(
    arrows: str,
    *,
    mode: Mode = "unary",
    streams: str = "",
    xor: str = "",
    graph_id: str = "",
    tenant: str = TENANT,
    retries: Mapping[str, Retry] | None = None,
    once: str = "",
    edges: Mapping[str, Mapping[str, Any]] | None = None,
    nodes: Mapping[str, Mapping[str, Any]] | None = None,
    compensate: Mapping[str, str] | None = None,
    subflows: Mapping[str, Story] | None = None,
) -> Artifact:
    """The artifact of `"a>b a>c b>d c>d"`; the first alias is the entry, the last the terminal.

    streams: aliases of generators, as one word or several. xor: those of XOR gates. edges, nodes:
    what else some of them have, by `a>b` and by alias. compensate: by alias the node that undoes
    it, which behaves as the story says of that name. subflows: what some run instead of a node.
    """
    more, besides = edges or {}, dict(nodes or {})
    undoers = compensate or {}
    for name, story in (subflows or {}).items():
        child = {"subflow": story.artifact.graph_id, "package": "", "node": "", "digest": ""}
        besides[name] = {**besides.get(name, {}), **child}
    pairs = [tuple(arrow.split(">")) for arrow in arrows.split()]
    aliases = list(dict.fromkeys(alias for pair in pairs for alias in pair))
    index = {alias: number for number, alias in enumerate(aliases)}
    made = tuple(
        Edge(index[pair[0]], index[pair[1]], **more.get(">".join(pair), {}))
        for pair in pairs
        if len(pair) == 2
    )
    targets = {e.destination for e in made if not e.loop}
    sources = {e.source for e in made if not e.loop}
    (entry,) = set(range(len(aliases))) - targets
    (terminal,) = set(range(len(aliases))) - sources
    kinds = dict.fromkeys(streams.split(), "Stream")
    joins = {alias: Join("XOR") for alias in xor.split()}
    digest = f"{arrows}{mode}{tenant}{retries}{once}{xor}{edges}{besides}{compensate}".encode()
    return Artifact(
        graph_id=graph_id or hashlib.sha256(digest).hexdigest()[:26],
        tenant=tenant,
        flow=f"{tenant}/story",
        mode=mode,
        placements=tuple(
            placement(
                alias,
                kinds.get(alias, "Plain"),
                {
                    "join": joins.get(alias, Join()),
                    "retry": (retries or {}).get(alias, Retry()),
                    "once": alias in once.split(),
                    "compensate": undoing(undoers[alias]) if alias in undoers else None,
                    **besides.get(alias, {}),
                },
            )
            for alias in aliases
        ),
        edges=made,
        entry=entry,
        terminal=terminal,
        content_hash=hashlib.sha256(arrows.encode()).hexdigest(),
    )


def placement(alias: str, node: str, more: Mapping[str, Any]) -> Placement:
    """A placement of a node of the test worlds; `more` is what else it has, or has otherwise."""
    known: dict[str, Any] = {"package": "t/t@1", "node": node, "digest": "d" * 64}
    return Placement(
        alias=alias,
        kind="pipeline" if node == "Stream" else "unary",
        input_type="t.M",
        output_type="t.M",
        runner="inline",
        **known | dict(more),
    )


def undoing(node: str) -> Compensate:
    """The node that undoes something, by its name; it takes the output as it is."""
    return Compensate("t/t@1", node, "d" * 64, "t.M", "t.M")


def paused(artifact: Artifact, **pauses: Hitl) -> Artifact:
    """The artifact with pauses before some of its placements, by alias."""
    name = f"{artifact.graph_id}{sorted(pauses.items())}"
    return attrs.evolve(
        artifact,
        graph_id=hashlib.sha256(name.encode()).hexdigest()[:26],
        placements=tuple(attrs.evolve(p, hitl=pauses.get(p.alias)) for p in artifact.placements),
    )


def nesting(
    arrows: str,
    subflows: Mapping[str, Story],
    behaviours: Mapping[str, Behaviour] | None = None,
    **more: Any,
) -> Story:
    """A story of which some placements run other stories as children; `more` is for `flow`."""
    return Story(flow(arrows, subflows=subflows, **more), behaviours or {}, subflows)


BRANCHING = Story(
    flow("a>b a>c a>g b>d d>e c>e g>e e>f"),
    {"c": Behaviour(pad=70 * KIB), "b": Behaviour(says=True)},
)
"""Unary: three arms, one of them longer and one of them large, meet in a gate."""

CHOOSING = Story(
    flow(
        "a>b a>c a>x b>d c>d x>d x>r r>d d>a d>e e>f f>g",
        edges={
            "a>b": {"condition": "< 160"},
            "a>c": {"fields": (("x", "y"),)},
            "x>r": {"on_error": True},
            "d>a": {"loop": True, "max_iterations": 3, "condition": "< 100"},
        },
        nodes={
            "e": {"fan_out": FanOut("dice 4", 2)},
            "g": {"gathers": True, "join": Join(failure_policy="TOLERATE_FAILURES")},
        },
    ),
    {"x": Behaviour(fails_below=128), "f": Behaviour(fails_below=60), "b": Behaviour(losses=1)},
)
"""Unary: conditions, an adapter, an edge for failures, a loop around a gate, a fan-out in which
items may fail."""

RETRYING = Story(
    flow(
        "a>b a>c a>g b>d c>d g>d d>e",
        retries={
            "b": Retry(4, initial_interval_ms=4, jitter=0.5),
            "c": Retry(4, initial_interval_ms=9),
            "e": Retry(2, initial_interval_ms=2),
        },
        once="d g",
    ),
    {
        "b": Behaviour(crashes=1, stumbles=2),
        "c": Behaviour(losses=1, stumbles=2),
        "d": Behaviour(losses=1),
        "e": Behaviour(stumbles=1),
    },
)
"""Unary: arms that fail and sleep, one that must run once, and a gate that must run once."""

UNDOING = Story(
    flow(
        "a>b a>c b>d c>d d>e",
        retries={"b": Retry(3, initial_interval_ms=4), "c": Retry(2, initial_interval_ms=2)},
        compensate={"a": "undo-a", "b": "undo-b", "c": "undo-c"},
    ),
    {
        "b": Behaviour(pad=70 * KIB),
        "e": Behaviour("fail"),
        "undo-a": Behaviour(losses=1),
        "undo-b": Behaviour(stumbles=2),
        "undo-c": Behaviour("fail"),
    },
)
"""Unary: its last node fails, and of three that are undone one stumbles and one fails for good."""

STREAMING = Story(
    flow("s>m s>g m>z g>z z>t", mode="pipeline", streams="s g t"),
    {"s": Behaviour(fan=4), "m": Behaviour(pad=65 * KIB), "t": Behaviour(rest=1)},
)
"""Pipeline: a generator, a mapped node beside a second generator, a gate, a third generator."""

MIXING = Story(
    flow("s>m s>g m>x g>x x>y s>y s>e e>y y>t", mode="pipeline", streams="s g e y t", xor="x y"),
    {
        "s": Behaviour(fan=3),
        "m": Behaviour(pad=65 * KIB),
        "g": Behaviour(fan=0, rest=2),
        "e": Behaviour(fan=0),
        "t": Behaviour(rest=1),
    },
)
"""Pipeline: a mapped XOR gate inside one that is a generator, an arm that is late, an empty one."""

ASKING = Story(
    paused(
        flow("a>b a>c a>g b>d c>d g>d d>e", retries={"c": Retry(2, initial_interval_ms=2)}),
        b=Hitl(),
        c=Hitl('{"why": "large"}', timeout_s=3600),
        g=Hitl(timeout_s=0.004, timeout_policy="CONTINUE"),
        e=Hitl(),
    ),
    {
        "b": Behaviour(told=b"told"),
        "c": Behaviour(told=b"t" * 70 * KIB, stumbles=1),
        "e": Behaviour(losses=1),
    },
)
"""Unary: two arms that wait for a person, one that waits for a moment, and a terminal that asks."""

_LEAF = Story(flow("p>q"), {"q": Behaviour(pad=70 * KIB)})
_MIDDLE = nesting("m>n", {"n": _LEAF}, {"m": Behaviour(stumbles=1)}, retries={"m": Retry(2, 2)})

NESTING = nesting(
    "a>s a>b s>z b>z",
    {"s": _MIDDLE},
    {"z": Behaviour(losses=1)},
    retries={"s": Retry(2, 3)},
)
"""Unary: a child in a child, one that is large, beside an arm of a gate."""

FANNING = nesting(
    "a>s s>z",
    {"s": Story(flow("p"))},
    nodes={"s": {"fan_out": FanOut("4", 2)}, "z": {"gathers": True}},
)
"""Unary: a child for each item of a list, two at a time."""
