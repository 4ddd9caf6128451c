"""Flows for tests, built without a compiler, and what their nodes do.

A node's answer depends on its alias and its input alone, so that `oracle.py` can say what must
come out without knowing anything of engine or store.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from axiomd.flow.artifact import Artifact, Edge, Join, Mode, Placement, Retry
from axiomd.limits import KIB

TENANT = "tenant"

Fate = Literal["fine", "fail", "crash", "vanish", "hang"]
"""`fail` raises · `crash` dies each time · `vanish` is lost each time · `hang` never answers."""


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


FINE = Behaviour()


@attrs.frozen
class Story:
    """A flow and what its nodes do."""

    artifact: Artifact
    behaviours: Mapping[str, Behaviour] = attrs.field(factory=dict)

    def behaviour(self, alias: str) -> Behaviour:
        return self.behaviours.get(alias, FINE)


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
) -> Artifact:
    """The artifact of `"a>b a>c b>d c>d"`; the first alias is the entry, the last the terminal.

    streams: aliases of generators, as one word or several. xor: those of XOR gates. edges, nodes:
    what else some of them have, by `a>b` and by alias.
    """
    more, besides = edges or {}, nodes or {}
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
    generators, takers = set(streams.split()), set(xor.split())
    return Artifact(
        graph_id=graph_id
        or hashlib.sha256(
            f"{arrows}{mode}{tenant}{retries}{once}{xor}{edges}{nodes}".encode()
        ).hexdigest()[:26],
        tenant=tenant,
        flow=f"{tenant}/story",
        mode=mode,
        placements=tuple(
            Placement(
                alias=alias,
                package="t/t@1",
                node="Stream" if alias in generators else "Plain",
                digest="d" * 64,
                kind="pipeline" if alias in generators else "unary",
                input_type="t.M",
                output_type="t.M",
                runner="inline",
                retry=(retries or {}).get(alias, Retry()),
                once=alias in once.split(),
                **{"join": Join("XOR" if alias in takers else "AND")} | besides.get(alias, {}),
            )
            for alias in aliases
        ),
        edges=made,
        entry=entry,
        terminal=terminal,
        content_hash=hashlib.sha256(arrows.encode()).hexdigest(),
    )


BRANCHING = Story(
    flow("a>b a>c a>g b>d d>e c>e g>e e>f"),
    {"c": Behaviour(pad=70 * KIB), "b": Behaviour(says=True)},
)
"""Unary: three arms, one of them longer and one of them large, meet in a gate."""

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
