"""The flow language, as naive as can be: a table of signals that is looked at again and again.

No store, no order, no clock. Which arms of a gate come first is chance, and so is what comes in its
time: that is read off what the gate's node was given, and off what timed out, and has to be one of
the ways in which it could have been. What it says must hold of flows whose loops nothing runs
beside, and around none of such gates.
"""

from collections import deque
from collections.abc import Mapping
from itertools import combinations

import attrs
from worlds.flows import Story, answer
from worlds.oracle import doomed
from worlds.rules import StoryRules, dice

from axiomd.execution.position import Position, position_text
from axiomd.flow.node_error import NodeError
from axiomd.flow.rules import EdgeFault

FATES = {"fail": "NODE_ERROR", "crash": "NODE_CRASHED", "vanish": "NODE_CRASHED", "hang": "TIMEOUT"}


@attrs.define
class Told:
    """What must come of an execution."""

    outputs: dict[str, bytes] = attrs.field(factory=dict)
    """By position text; of a flow that fails, of all that could have run before."""
    failures: set[tuple[str, str]] = attrs.field(factory=set)
    """(kind, alias) of the failures that end it; empty if it completes."""
    completed: bool = False
    """Whether its terminal is reached."""
    ended_at: set[str] = attrs.field(factory=set)


@attrs.frozen
class Seen:
    """What chance has decided of an execution."""

    inputs: Mapping[str, bytes] = attrs.field(factory=dict)
    """By position text: what the node of each visit was given."""
    broken: Mapping[str, str] = attrs.field(factory=dict)
    """By position text: the kind of the failure of each gate that failed."""


NOTHING_SEEN = Seen()
DEAD, FAILED = "dead", "failed"


class NoItems(bytes):
    """What a list without items brings to its gate."""


EMPTY = NoItems()
MANY = 1_000
"""Arms of a fan-out that has not begun: nobody knows how many."""


class Interpreter:
    def __init__(self, story: Story, seen: Seen) -> None:
        self.story = story
        self.seen = seen
        self.artifact = story.artifact
        self.rules = StoryRules(story)
        self.signals: dict[tuple[int, tuple[int, ...]], object] = {}
        """By edge and items: a message, DEAD or FAILED."""
        self.fans: dict[tuple[int, tuple[int, ...]], int] = {}
        self.used: set[object] = set()
        """Signals and gates that have had their effect."""
        self.visits: dict[tuple[int, tuple[int, ...]], int] = {}
        self.rounds: dict[tuple[int, tuple[int, ...]], int] = {}
        self.queue: deque[tuple[int, tuple[int, ...], bytes]] = deque()
        self.told = Told()

    def run(self, payload: bytes) -> Told:
        self.queue.append((self.artifact.entry, (), payload))
        while True:
            while self.queue:
                self.visit(*self.queue.popleft())
            if any(self.look(placement) for placement in range(len(self.artifact.placements))):
                continue
            # Nothing else moves any more, so that all that can come to these has come.
            if not any(self.try_luck(gate) for gate in self.artifact.order):
                return self.told

    # -- visits -------------------------------------------------------------------------------

    def visit(self, placement, items, payload):
        alias = self.artifact.placements[placement].alias
        number = self.visits[placement, items] = self.visits.get((placement, items), 0) + 1
        behaviour = self.story.behaviour(alias)
        trouble = self.ask(self.artifact.placements[placement].hitl, behaviour)
        if trouble == "CANCELLED":
            return self.told.failures.add((trouble, alias))
        if trouble:
            return self.fail(placement, items, trouble)
        payload = next(p for p in (behaviour.edited, behaviour.told, payload) if p is not None)
        if alias in self.story.subflows:
            return self.leave(placement, number, items, payload)
        if doomed(self.story, alias):
            return self.fail(placement, items, FATES.get(behaviour.fate, "NODE_ERROR"))
        if dice("fails", payload) < behaviour.fails_below:
            return self.fail(placement, items, "NODE_ERROR")
        return self.go_on(placement, number, items, answer(alias, payload, pad=behaviour.pad))

    def ask(self, hitl, behaviour):
        """How a pause ends a visit; nothing if it goes on."""
        if hitl is None or behaviour.person == "approve":
            return ""
        if behaviour.person == "reject":
            return "REJECTED"
        return {"CANCEL": "CANCELLED", "FAIL": "PAUSE_TIMEOUT", "CONTINUE": ""}[hitl.timeout_policy]

    def leave(self, placement, number, items, payload):
        """Another flow does the visit."""
        child = self.story.subflows[self.artifact.placements[placement].alias]
        told = interpret(child, payload)
        if told.failures:
            return self.fail(placement, items, "SUBFLOW_FAILED")
        terminal = child.artifact.placements[child.artifact.terminal].alias
        return self.go_on(placement, number, items, told.outputs[terminal])

    def go_on(self, placement, number, items, output):
        alias = self.artifact.placements[placement].alias
        self.told.outputs[position_text(Position(placement, number, items), alias)] = output
        try:
            ways = self.rules.ways(placement, output, self.spent(placement, items))
        except EdgeFault:
            return self.told.failures.add(("EDGE_ADAPTER", alias))
        for way in ways:
            edge = self.artifact.edges[way.edge]
            if not (edge.loop and way.fires):
                continue
            rounds = self.rounds.get((way.edge, items), 0)
            if rounds + 2 <= edge.max_iterations:
                return self.go_back(way.edge, items, output if way.content is None else way.content)
            if edge.condition:
                return self.told.failures.add(("LOOP_LIMIT", alias))
        forward = [way for way in ways if not self.artifact.edges[way.edge].loop]
        for way in forward:
            self.send(way, items, output)
        for edge in self.artifact.rescues[placement]:
            self.signals[edge, items] = DEAD
        if placement == self.artifact.terminal:
            self.told.completed = True
        elif not any(way.fires for way in forward):
            self.told.ended_at.add(alias)
        return None

    def spent(self, placement, items):
        """The loops out of it that have no iterations left."""
        return {
            edge
            for edge in self.artifact.outgoing[placement]
            if self.artifact.edges[edge].loop
            and self.rounds.get((edge, items), 0) + 2 > self.artifact.edges[edge].max_iterations
        }

    def send(self, way, items, output):
        if not way.fires:
            self.signals[way.edge, items] = DEAD
        elif way.items is not None:
            self.signals[way.edge, items] = list(way.items)
        else:
            self.signals[way.edge, items] = output if way.content is None else way.content

    def fail(self, placement, items, kind):
        alias = self.artifact.placements[placement].alias
        ways = self.rules.rescues(placement, NodeError("", kind, alias, 1))
        forward = [e for e in self.artifact.outgoing[placement] if not self.artifact.edges[e].loop]
        if any(way.fires for way in ways):
            for way in ways:
                self.send(way, items, b"")
            for edge in forward:
                self.signals[edge, items] = DEAD
        elif placement in self.artifact.tolerant:
            for edge in (*forward, *self.artifact.rescues[placement]):
                self.signals[edge, items] = FAILED
        else:
            self.told.failures.add((kind, alias))

    def go_back(self, loop, items, payload):
        body, depth = self.artifact.body(loop), len(items)
        ends = self.artifact.edges

        def is_inside(placement, inner):
            return placement in body and inner[:depth] == items

        self.signals = {
            (e, inner): signal
            for (e, inner), signal in self.signals.items()
            if not is_inside(ends[e].source, inner)
        }
        self.fans = {place: n for place, n in self.fans.items() if not is_inside(*place)}
        self.used = {
            mark
            for mark in self.used
            if not is_inside(ends[mark[1]].destination if mark[0] == "edge" else mark[1], mark[2])
        }
        self.rounds = {
            (e, inner): n
            for (e, inner), n in self.rounds.items()
            if e == loop or not (is_inside(ends[e].source, inner) and ends[e].destination in body)
        }
        self.rounds[loop, items] = self.rounds.get((loop, items), 0) + 1
        self.deliver(ends[loop].destination, items, payload)
        # What had come from outside has had its effect on those that are no gates.
        for e, inner in self.signals:
            inside = is_inside(ends[e].destination, inner)
            if inside and not self.artifact.is_gate(ends[e].destination):
                self.used.add(("edge", e, inner))
        if self.artifact.is_gate(ends[loop].destination):
            self.used.add(("gate", ends[loop].destination, items))

    def deliver(self, placement, items, payload):
        if isinstance(payload, list):
            self.fans[placement, items] = len(payload)
            self.queue.extend((placement, (*items, i), p) for i, p in enumerate(payload))
        else:
            self.queue.append((placement, items, payload))

    # -- what follows from signals ------------------------------------------------------------

    def look(self, placement):
        if self.artifact.is_gate(placement):
            places = {
                inner[: len(self.artifact.outer(placement))]
                for e, inner in [*self.signals, *self.empty_edges()]
                if self.artifact.edges[e].destination == placement
                and len(inner) >= len(self.artifact.outer(placement))
            }
            whole = [
                self.pass_on(e, inner)
                for e, inner in list(self.signals)
                if self.artifact.edges[e].destination == placement
                and len(inner) < len(self.artifact.outer(placement))
            ]
            return any([*[self.look_at_gate(placement, items) for items in sorted(places)], *whole])
        return any(
            self.follow(e, inner)
            for e, inner in list(self.signals)
            if self.artifact.edges[e].destination == placement and not self.artifact.edges[e].loop
        )

    def empty_edges(self):
        for (fan, items), count in self.fans.items():
            if not count:
                for gate in self.artifact.gatherers[fan]:
                    for edge in self.artifact.incoming[gate]:
                        if self.artifact.gathered(edge) == fan:
                            yield edge, items

    def follow(self, edge, items):
        if ("edge", edge, items) in self.used:
            return False
        signal = self.signals[edge, items]
        if signal in (DEAD, FAILED):
            return self.pass_on(edge, items)
        self.used.add(("edge", edge, items))
        self.deliver(self.artifact.edges[edge].destination, items, signal)
        return True

    def pass_on(self, edge, items):
        """A placement that is not taken: nor is anything that only it leads to."""
        if ("edge", edge, items) in self.used:
            return False
        self.used.add(("edge", edge, items))
        self.close(self.artifact.edges[edge].destination, items, self.signals[edge, items])
        return True

    def close(self, placement, items, signal):
        for edge in (*self.artifact.outgoing[placement], *self.artifact.rescues[placement]):
            if not self.artifact.edges[edge].loop:
                self.signals.setdefault((edge, items), signal)

    def look_at_gate(self, gate, items):
        if ("gate", gate, items) in self.used or self.is_hasty(gate):
            return False
        arms = self.arms(gate, items)
        if any(arm is None for _, arm in arms):
            return False
        came = [(edge, arm) for edge, arm in arms if arm not in (DEAD, FAILED)]
        self.used.add(("gate", gate, items))
        if came:
            self.deliver(gate, items, self.merge(gate, came))
        elif any(arm == FAILED for _, arm in arms):
            self.fail_gate(gate, items, "GATE_FAILED")
        else:
            self.close(gate, items, DEAD)
        return True

    def arms(self, gate, items):
        """By edge what has come to a gate; None for what has not."""
        found = []
        for edge in self.artifact.incoming[gate]:
            fan = self.artifact.gathered(edge)
            if fan is None or (edge, items) in self.signals:
                found.append((edge, self.signals.get((edge, items))))
            elif (fan, items) not in self.fans:
                found += [(edge, None)] * MANY
            else:
                places = [(*items, i) for i in range(self.fans[fan, items])]
                found += [(edge, self.signals.get((edge, inner))) for inner in places]
                if not places and not self.artifact.edges[edge].on_error:
                    found.append((edge, EMPTY))
        return found

    def merge(self, gate, arms):
        if self.artifact.placements[gate].compose is None:
            return b"".join(arm for _, arm in arms)
        by_edge = {}
        for edge, arm in arms:
            by_edge[edge] = by_edge.get(edge, b"") + arm
        return self.rules.compose(gate, by_edge)

    def fail_gate(self, gate, items, kind):
        self.visits[gate, items] = self.visits.get((gate, items), 0) + 1
        self.fail(gate, items, kind)

    # -- gates that do not wait for all ------------------------------------------------------

    def is_hasty(self, gate):
        join = self.artifact.placements[gate].join
        return join.kind == "XOR" or join.quorum or join.timeout_s

    def try_luck(self, gate):
        depth = len(self.artifact.outer(gate))
        if not (self.artifact.is_gate(gate) and self.is_hasty(gate)):
            return False
        places = {
            inner[:depth]
            for e, inner in [*self.signals, *self.empty_edges()]
            if self.artifact.edges[e].destination == gate and len(inner) >= depth
        }
        return any(self.decide(gate, items) for items in sorted(places))

    def decide(self, gate, items):
        if ("gate", gate, items) in self.used:
            return False
        arms = self.arms(gate, items)
        came = [(edge, arm) for edge, arm in arms if arm not in (None, DEAD, FAILED)]
        # Those that only the failure of the flow has kept from coming, if any.
        unknown = sum(arm is None for _, arm in arms)
        join = self.artifact.placements[gate].join
        wanted = 1 if join.kind == "XOR" else join.quorum
        # A list without items has come, but is nothing to count towards a quorum.
        counted = [arm for arm in came if arm[1] is not EMPTY] if join.quorum else came
        number = self.visits.get((gate, items), 0) + 1
        text = position_text(Position(gate, number, items), self.artifact.placements[gate].alias)
        mark = ("gate", gate, items)
        broken = self.seen.broken.get(text)
        may_time_out = came and join.timeout_s and join.timeout_policy == "FAIL"
        if may_time_out and broken == "GATE_TIMEOUT":
            self.used.add(mark)
            self.fail_gate(gate, items, "GATE_TIMEOUT")
        elif counts := self.counts(join, wanted, len(counted), unknown, broken):
            self.used.add(mark)
            self.deliver(gate, items, self.find_taken(gate, counted, counts, text))
        elif self.is_lost(wanted, counted, unknown) and (came or FAILED in [a for _, a in arms]):
            self.used.add(mark)
            self.fail_gate(gate, items, "GATE_FAILED")
        elif not unknown:
            self.used.add(mark)
            self.close(gate, items, DEAD)
        return mark in self.used

    def counts(self, join, wanted, came, unknown, broken):
        """How many arms a gate may have taken when it opened, the likeliest number first."""
        found = []
        if wanted and came >= wanted:
            found.append(wanted)
        elif not wanted and came and not unknown:
            found.append(came)
        if join.timeout_s and join.timeout_policy == "PROCEED" and not broken:
            found += range(min(came, wanted or came), 0, -1)
        return found

    def is_lost(self, wanted, came, unknown):
        return len(came) + unknown < wanted if wanted else not came and not unknown

    def find_taken(self, gate, came, counts, text):
        """The message of the arms that explain what the gate's node was given, if any do."""
        ways = [self.merge(gate, arms) for count in counts for arms in combinations(came, count)]
        given = self.seen.inputs.get(text)
        return given if given in ways else ways[0]


def interpret(story: Story, payload: bytes, seen: Seen = NOTHING_SEEN) -> Told:
    """What must come of an execution with this input."""
    return Interpreter(story, seen).run(payload)
