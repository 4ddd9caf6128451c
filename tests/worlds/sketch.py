"""Flows of the whole language, drawn by dice.

Each piece lies between two placements. Loops lead from where all ways meet again back to where they
parted, so that nothing runs beside an iteration; gates that do not wait for all of their arms are
in no loop, and have none in their arms. What comes out then depends on nothing but which arms of
such gates came first.
"""

import attrs
from worlds.flows import Behaviour, Story, flow, nesting

from axiomd.flow.artifact import FanOut, Hitl, Join, Retry

TOLERANT = Join(failure_policy="TOLERATE_FAILURES")
CHILDREN = (
    nesting("k>l", {"l": Story(flow("r>s"))}),
    Story(flow("p>q", retries={"q": Retry(2, 5)}), {"q": Behaviour(stumbles=1, pad=70_000)}),
    Story(flow("u>v"), {"v": Behaviour("fail")}),
)
"""What runs in the place of a node: a child with a child, one that sleeps, one that fails."""
SOON_S = 0.006
PAUSES = (
    (Hitl(), {}),
    (Hitl('{"why": "dice"}'), {"told": b"told"}),
    (Hitl(timeout_s=3600), {"told": b"t" * 70_000}),
    (Hitl(), {"person": "reject"}),
    (Hitl(timeout_s=SOON_S, timeout_policy="CONTINUE"), {"person": "silent"}),
    (Hitl(timeout_s=SOON_S, timeout_policy="FAIL"), {"person": "silent"}),
    (Hitl(timeout_s=SOON_S, timeout_policy="CANCEL"), {"person": "silent"}),
)


class Sketch:
    """A flow that is drawn piece by piece."""

    def __init__(self, dice):
        self.dice = dice
        self.count = 0
        self.arrows, self.edges, self.nodes, self.behaviours = [], {}, {}, {}
        self.retries, self.once, self.undoers, self.children = {}, [], {}, {}
        self.hasty = dice.random() < 0.6
        """Whether gates may open before all has come."""
        self.loops = True
        """Whether loops may be drawn where the pen is."""
        self.undoes = dice.random() < 0.5
        first = self.place()
        last = self.grow(first, depth=dice.randint(1, 3), fans=2)
        end = self.place(gate=True)
        self.arrow(last, end)
        if dice.random() < 0.5:
            self.nodes.setdefault(end, {})["join"] = TOLERANT
        self.nodes.setdefault(end, {})["gathers"] = True

    def story(self):
        made = flow(
            " ".join(self.arrows),
            retries=self.retries,
            edges=self.edges,
            nodes=self.nodes,
            once=" ".join(self.once),
            compensate=self.undoers,
            subflows=self.children,
        )
        return Story(made, self.behaviours, self.children)

    def edit(self):
        """Choose placements before which a debug session gives another input; their aliases."""
        plain = [alias for alias in self.retries if self.is_plain(alias)]
        chosen = self.dice.sample(plain, min(2, len(plain)))
        for alias in chosen:
            edited = b"edited " + alias.encode()
            self.behaviours[alias] = attrs.evolve(self.behaviours[alias], edited=edited)
        return chosen

    def is_plain(self, alias):
        return not self.nodes.get(alias, {}).keys() & {"join", "gathers"}

    # -- placements and edges -----------------------------------------------------------------

    def place(self, *, gate=False):
        dice, alias = self.dice, f"n{self.count}"
        self.count += 1
        if not gate and dice.random() < 0.03:
            self.children[alias] = dice.choices(CHILDREN, (2, 2, 1), k=1)[0]
            self.behaviours[alias], self.retries[alias] = Behaviour(), Retry()
            return alias
        once = dice.random() < 0.05
        self.behaviours[alias] = Behaviour(
            fate=dice.choices(("fine", "fail", "hang", "crash"), (240, 1, 1, 0 if once else 1))[0],
            losses=dice.choice((0, 0, 0, 1)),
            stumbles=dice.choice((0,) * 12 + (1,)),
            fails_below=dice.choice((0,) * 16 + (40, 128)),
            pad=dice.choice((0,) * 16 + (70_000,)),
            says=dice.random() < 0.05,
        )
        if once:
            self.once.append(alias)
            if self.behaviours[alias].fate == "hang":
                self.behaviours[alias] = Behaviour(losses=1)
        stumbles = self.behaviours[alias].stumbles
        self.retries[alias] = Retry(1 + stumbles, initial_interval_ms=dice.choice((2, 20)))
        if not gate and dice.random() < 0.08:
            self.pause(alias)
        if self.undoes and dice.random() < 0.6:
            self.undo(alias)
        return alias

    def pause(self, alias):
        hitl, person = self.dice.choices(PAUSES, (4, 4, 2, 2, 2, 2, 1), k=1)[0]
        self.nodes.setdefault(alias, {})["hitl"] = hitl
        self.behaviours[alias] = attrs.evolve(self.behaviours[alias], **person)

    def undo(self, alias):
        name = self.undoers[alias] = f"undo-{alias}"
        self.behaviours[name] = Behaviour(
            fate=self.dice.choices(("fine", "fail"), (6, 1))[0],
            losses=self.dice.choice((0, 0, 1)),
            stumbles=self.dice.choice((0, 0, self.retries[alias].max_attempts - 1)),
        )

    def arrow(self, source, destination, **edge):
        text = f"{source}>{destination}"
        self.arrows.append(text)
        if not edge and self.dice.random() < 0.12:
            edge = {"condition": f"< {self.dice.choice((30, 128, 220))}"}
        if self.dice.random() < 0.2:
            edge["fields"] = (("x", "y"),)
            if "on_error" not in edge and self.dice.random() < 0.03:
                edge["fields"] = (("fault", ""),)
        if edge:
            self.edges[text] = edge

    # -- pieces -------------------------------------------------------------------------------

    def grow(self, start, depth, fans):
        """Add pieces behind `start`; where they end."""
        for _ in range(self.dice.randint(1, 2)):
            shape = self.dice.choice(("step", "split", "split", "loop", "fan", "rescue"))
            if depth == 0 or (shape == "loop" and not self.loops):
                shape = "step"
            if shape == "fan" and not fans:
                shape = "split"
            start = getattr(self, shape)(start, depth, fans)
        return start

    def step(self, start, depth, fans):
        there = self.place()
        self.arrow(start, there)
        return there

    def split(self, start, depth, fans):
        meet, arms = self.place(gate=True), self.dice.randint(2, 3)
        join = self.join(arms)
        loops = self.loops
        self.loops = loops and join in (Join(), TOLERANT)
        for _ in range(arms):
            first = self.place()
            self.arrow(start, first)
            # A gate inside of the arm would gather the items of a fan-out around it.
            last = self.grow(first, depth - 1, 0) if fans == 2 else first
            self.arrow(last, meet)
        self.loops = loops
        self.nodes.setdefault(meet, {})["join"] = join
        if self.dice.random() < 0.15:
            self.nodes[meet]["compose"] = (("x", "y"),)
        return self.mend(meet) if fans == 2 and self.dice.random() < 0.3 else meet

    def join(self, arms):
        """How a gate of so many arms takes them."""
        policy = self.dice.choice(("FAIL_FAST", "TOLERATE_FAILURES"))
        if not self.hasty or self.dice.random() < 0.3:
            return Join(failure_policy=policy)
        if self.dice.random() < 0.3:
            return Join("XOR", policy)
        late = self.dice.choice(("", "FAIL", "PROCEED"))
        timeout = {"timeout_s": SOON_S, "timeout_policy": late} if late else {}
        quorum = self.dice.randint(0 if late else 1, arms)
        return Join(failure_policy=policy, quorum=quorum, **timeout)

    def mend(self, risky):
        """A way of its own for the failures of a placement."""
        mend, meet = self.place(), self.place(gate=True)
        self.arrow(risky, meet)
        self.arrow(risky, mend, on_error=True)
        self.arrow(mend, meet)
        return meet

    def rescue(self, start, depth, fans):
        if fans < 2:
            return self.step(start, depth, fans)
        risky = self.step(start, depth, fans)
        if risky not in self.children:
            self.behaviours[risky] = attrs.evolve(self.behaviours[risky], fails_below=128)
        return self.mend(risky)

    def loop(self, start, depth, fans):
        hasty, self.hasty = self.hasty, False
        first = self.step(start, depth, fans)
        last = self.grow(first, depth - 1, fans)
        self.hasty = hasty
        back = f"{last}>{first}"
        self.arrows.append(back)
        self.edges[back] = {"loop": True, "max_iterations": self.dice.randint(1, 3)}
        if self.dice.random() < 0.5:
            self.edges[back] |= {"condition": "< 90", "max_iterations": 9}
        return last

    def fan(self, start, depth, fans):
        each = self.step(start, depth, fans)
        self.nodes.setdefault(each, {})["fan_out"] = FanOut(
            self.dice.choice(("dice 3", "0", "2")), self.dice.randint(0, 2)
        )
        last = each
        if fans == 2 and self.dice.random() < 0.3:
            last = self.fan(each, 0, 1)
        elif self.dice.random() < 0.5:
            last = self.step(each, 0, 0)
        gather = self.place(gate=True)
        self.arrow(last, gather)
        more = {"gathers": True, "join": self.join(2)}
        self.nodes.setdefault(gather, {}).update(more)
        return gather
