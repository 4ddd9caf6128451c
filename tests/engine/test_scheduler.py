"""Who is worked on next: within the limits, tenants in turns, in a tenant by priority and age."""

from collections import Counter
from contextlib import contextmanager
from random import Random

import attrs
import pytest
from worlds.rows import commit_now, new_execution, open_writing, waiting

from axiomd.engine.scheduler import Scheduler
from axiomd.execution.journal import Payload
from axiomd.execution.status import Status
from axiomd.settings import LimitsSettings
from axiomd.store import commit as commits
from axiomd.store.reader import Reader
from axiomd.store.ready import Ready, ReadyLook

NONE = LimitsSettings()


class CountedLook(ReadyLook):
    """Counts what is read."""

    rows = 0

    def queue(self, queue, first=b""):
        for row in super().queue(queue, first):
            CountedLook.rows += 1
            yield row


class CountedReady(Ready):
    """What waits, with its reads counted."""

    @contextmanager
    def look(self):
        with super().look() as look:
            yield CountedLook(look._transaction, look._table)


class Line:
    """A store with a scheduler over it, whose chosen ones are claimed at once."""

    def __init__(self, store, writer, slots, limits=None):
        self.store = store
        self.writer = writer
        self.limits = limits or {}
        self.reader = Reader(store)
        self.reader.ready = CountedReady(store)
        self.scheduler = Scheduler(self.reader, slots, lambda one: self.limits.get(one, NONE))
        writer._on_durable = self.publish
        self.names = {}
        self.number = 0

    def publish(self, changed):
        queued = [one for one in changed if one.status is Status.QUEUED]
        self.scheduler.ready(queued)

    def accept(self, *names, tenant="tenant", flow="flow", priority=5):
        """New executions, the next younger than the one before."""
        for name in names:
            self.number += 1
            one = new_execution(self.number, tenant=tenant, flow=flow, priority=priority)
            self.names[one.execution_id] = name
            self.writer.submit(commits.accept(one, Payload(1, b"x")))
        commit_now(self.writer)

    def choose(self):
        """Who is chosen, by name; claimed when this returns."""
        chosen = self.scheduler.choose()
        for one in chosen:
            self.writer.submit(commits.claim(one.execution_id, 10**9))
        commit_now(self.writer)
        return [self.names[one.execution_id] for one in chosen]

    def end(self, name, *, again=False):
        """Its worker lets go of it for good, or requeues it."""
        identity = self.identity(name)
        if again:
            fence = self.reader.find_execution(identity).attempt
            self.writer.submit(commits.requeue(identity, fence, 10**9, "lost"))
        else:
            self.writer.submit(commits.cancel(identity, 10**9, "{}"))
        commit_now(self.writer)
        self.scheduler.ended(identity, again=again)

    def identity(self, name):
        return next(identity for identity, known in self.names.items() if known == name)

    def limit(self, tenant="tenant", **limits):
        self.limits[tenant] = LimitsSettings(**limits)
        self.scheduler.limits_changed(tenant)


@contextmanager
def open_line(directory, slots, **limits):
    """limits: of every tenant that the tests have."""
    with open_writing(directory) as (store, writer):
        every = LimitsSettings(**limits)
        yield Line(store, writer, slots, dict.fromkeys(("tenant", "other", "third"), every))


def test_the_oldest_goes_first_within_the_free_slots(tmp_path):
    with open_line(tmp_path, 2) as line:
        line.accept("first", "second", "third")
        assert line.choose() == ["first", "second"]
        assert line.choose() == []
        line.end("second")
        assert line.choose() == ["third"]


def test_what_waited_before_the_start_is_found(tmp_path):
    with open_line(tmp_path, 9) as line:
        line.accept("a", "b", flow="one")
        line.accept("c", tenant="other")
        later = Line(line.store, line.writer, 9)
        later.names = line.names
        assert not later.scheduler.admits(("tenant", "flow"))
        assert sorted(later.choose()) == ["a", "b", "c"]
        assert later.scheduler.admits(("tenant", "flow"))


def test_tenants_take_turns_however_much_one_of_them_has_waiting(tmp_path):
    with open_line(tmp_path, 6) as line:
        line.accept(*(f"a{number}" for number in range(10_000)))
        assert line.choose() == ["a0", "a1", "a2", "a3", "a4", "a5"]
        line.accept("b0", "b1", "b2", tenant="other")
        line.accept("c0", "c1", tenant="third", priority=0)
        CountedLook.rows = 0
        assert line.choose() == ["b0", "c0"], "nothing of theirs runs: they wait for no slot"
        for name in ("a0", "a1", "a2", "a3", "a4"):
            line.end(name)
        assert line.choose() == ["a6", "b1", "c1"]
        line.end("a6")
        line.end("a5")
        assert line.choose() == ["a7", "b2"]
        assert CountedLook.rows < 20, "a choice reads what it takes, not what waits"


def test_a_tenant_of_which_nothing_runs_waits_for_no_slot(tmp_path):
    with open_line(tmp_path, 2) as line:
        line.accept("a0", "a1", "a2")
        assert line.choose() == ["a0", "a1"]
        assert line.scheduler.admits(("other", "flow"))
        assert not line.scheduler.admits(("tenant", "flow"))
        line.accept("b0", "b1", tenant="other")
        assert not line.scheduler.admits(("other", "flow")), "its own wait already"
        assert line.choose() == ["b0"]
        assert line.choose() == []
        line.end("b0")
        assert line.choose() == ["b1"]
        line.end("b1")
        assert line.choose() == []
        line.end("a0")
        assert line.choose() == ["a2"]


def test_within_a_tenant_the_higher_priority_goes_first_and_then_the_older(tmp_path):
    with open_line(tmp_path, 9) as line:
        line.accept("low", priority=0)
        line.accept("plain", "plain too")
        line.accept("high", flow="another", priority=9)
        line.accept("raised", priority=6)
        assert line.choose() == ["high", "raised", "plain", "plain too", "low"]


def test_no_priority_is_one_over_another_tenant(tmp_path):
    with open_line(tmp_path, 2) as line:
        line.accept("a0", "a1", "a2", "a3", priority=9)
        line.accept("b0", "b1", tenant="other", priority=0)
        started = line.choose()
        while len(started) < 6:
            line.end(started[-1])
            started += line.choose()
        assert started == ["a0", "b0", "b1", "a1", "a2", "a3"]


def test_what_comes_back_is_as_old_as_it_is(tmp_path):
    with open_line(tmp_path, 1) as line:
        line.accept("first", "second", "third")
        assert line.choose() == ["first"]
        line.end("first", again=True)
        assert line.choose() == ["first"]
        line.end("first")
        assert line.choose() == ["second"]


def test_a_tenant_at_its_maximum_waits_and_keeps_nobody_waiting(tmp_path):
    with open_line(tmp_path, 100, executions_max=2) as line:
        line.accept(*(f"a{number}" for number in range(1_000)))
        line.accept("b0", tenant="other")
        assert line.choose() == ["a0", "b0", "a1"]
        CountedLook.rows = 0
        for number in range(200):
            line.accept(f"c{number}", tenant="third")
            assert line.choose() == [f"c{number}"]
            line.end(f"c{number}")
        assert CountedLook.rows <= 400, "what waits at its maximum was read again"
        line.end("a1")
        assert line.choose() == ["a2"]
        assert line.choose() == []


def test_a_flow_at_its_maximum_waits_and_keeps_no_other_flow_waiting(tmp_path):
    with open_line(tmp_path, 100, flow_executions_max=1) as line:
        line.accept(*(f"a{number}" for number in range(1_000)), flow="full", priority=9)
        line.accept("b0", "b1", flow="free", priority=0)
        assert line.choose() == ["a0", "b0"]
        CountedLook.rows = 0
        for number in range(200):
            line.accept(f"c{number}", flow=f"flow {number}")
            assert line.choose() == [f"c{number}"]
            line.end(f"c{number}")
        assert CountedLook.rows <= 400, "what waits at its maximum was read again"
        line.end("b0")
        assert line.choose() == ["b1"]
        line.end("a0")
        assert line.choose() == ["a1"]


def test_a_change_of_limits_bites_at_once(tmp_path):
    with open_line(tmp_path, 100, executions_max=1) as line:
        line.accept(*"abcdef")
        assert line.choose() == ["a"]
        line.limit(executions_max=3)
        assert line.choose() == ["b", "c"]
        line.limit(executions_max=1)
        line.end("a")
        line.end("b")
        assert line.choose() == []
        line.end("c")
        assert line.choose() == ["d"]
        line.limit()
        assert line.choose() == ["e", "f"]


def test_a_new_execution_starts_at_once_only_where_it_overtakes_nobody(tmp_path):
    queue = ("tenant", "flow")
    with open_line(tmp_path, 1) as line:
        assert line.choose() == []
        assert line.scheduler.admits(queue)
        line.accept("first", "second")
        assert not line.scheduler.admits(queue)
        assert line.choose() == ["first"]
        assert not line.scheduler.admits(queue)
        line.end("first")
        # A slot is free now, and somebody waits for it.
        assert not line.scheduler.admits(queue)


def test_a_new_execution_starts_at_once_only_within_the_limits(tmp_path):
    with open_line(tmp_path, 9, executions_max=2, flow_executions_max=1) as line:
        line.accept("a", "b")
        assert line.choose() == ["a"]
        assert not line.scheduler.admits(("tenant", "flow"))
        # Whoever waits at a maximum is nobody to be overtaken.
        assert line.scheduler.admits(("tenant", "another"))
        line.scheduler.started("elsewhere", ("tenant", "another"))
        assert not line.scheduler.admits(("tenant", "third"))
        assert line.scheduler.admits(("other", "flow"))
        line.scheduler.ended("elsewhere", again=False)
        assert line.scheduler.admits(("tenant", "third"))
        assert line.scheduler.running("tenant") == 1


def test_what_was_cancelled_in_the_queue_is_passed_over(tmp_path):
    with open_line(tmp_path, 1) as line:
        line.accept("first", "second", "third")
        assert line.choose() == ["first"]
        line.writer.submit(commits.cancel(line.identity("second"), 1, "{}"))
        line.end("first")
        assert line.choose() == ["third"]
        line.end("third")
        assert line.choose() == []
        assert line.scheduler.admits(("tenant", "flow"))


def test_what_has_a_slot_is_not_chosen_again_but_once_it_has_none(tmp_path):
    with open_line(tmp_path, 2) as line:
        line.accept("first")
        (first,) = line.scheduler.choose()
        # Its claim is on the way: its row is still there.
        line.scheduler.limits_changed("tenant")
        assert waiting(line.reader) == [first.execution_id]
        assert line.choose() == []
        # The claim could not be made.
        line.scheduler.ended(first.execution_id, again=True)
        assert line.choose() == ["first"]


def test_a_scheduler_that_is_closed_starts_nothing(tmp_path):
    with open_line(tmp_path, 2) as line:
        line.choose()
        line.scheduler.close()
        line.accept("first")
        assert line.choose() == []
        assert not line.scheduler.admits(("tenant", "flow"))


@attrs.define
class Naive:
    """What must hold, worked out anew from everything that waits and runs."""

    line: Line
    running: dict = attrs.field(factory=dict)

    def eligible(self):
        """Of those that wait, those that the limits let run."""
        tenants, flows = Counter(), Counter()
        for one in self.running.values():
            tenants[one.tenant] += 1
            flows[one.tenant, one.flow] += 1
        found = []
        for identity in waiting(self.line.reader):
            one = self.line.reader.find_execution(identity)
            limits = self.line.limits[one.tenant]
            most, most_of_flow = limits.executions_max, limits.flow_executions_max
            tenant_free = not most or tenants[one.tenant] < most
            flow_free = not most_of_flow or flows[one.tenant, one.flow] < most_of_flow
            if identity not in self.running and tenant_free and flow_free:
                found.append(one)
        return found

    def take(self, chosen):
        """Each choice is the best of its tenant, at the instant at which it was made."""
        for one in chosen:
            eligible = [e for e in self.eligible() if e.tenant == one.queue[0]]
            best = min(eligible, key=lambda e: (-e.priority, e.created_ns))
            assert one.execution_id == best.execution_id
            self.running[best.execution_id] = best


@pytest.mark.parametrize("seed", range(12))
def test_any_course_of_things_keeps_to_limits_order_and_leaves_no_slot_empty(tmp_path, seed):
    chance = Random(seed)
    tenants, slots = ("tenant", "other", "third"), chance.choice((3, 8))
    with open_line(tmp_path, slots, executions_max=2) as line:
        naive = Naive(line)
        for number in range(250):
            match chance.randrange(6):
                case 0 | 1 | 2:
                    names = [f"{number}.{n}" for n in range(chance.randint(1, 3))]
                    flow, priority = chance.choice("xyz"), chance.choice((0, 5, 5, 9))
                    line.accept(*names, tenant=chance.choice(tenants), flow=flow, priority=priority)
                case 3 | 4 if naive.running:
                    identity = chance.choice(sorted(naive.running))
                    del naive.running[identity]
                    line.end(line.names[identity], again=chance.random() < 0.3)
                case 5:
                    line.limit(
                        chance.choice(tenants),
                        executions_max=chance.randrange(5),
                        flow_executions_max=chance.randrange(3),
                    )
            free = chance.random() < 0.7 and line.scheduler.choose()
            if free is not False:
                naive.take(free)
                for one in free:
                    line.writer.submit(commits.claim(one.execution_id, 10**9))
                resting = {e.tenant for e in naive.eligible()}
                resting -= {e.tenant for e in naive.running.values()}
                assert not resting, "a tenant of which nothing runs was left to wait"
                assert len(naive.running) >= slots or not naive.eligible()
                assert len(naive.running) <= slots + len(tenants) - 1
                commit_now(line.writer)
                assert sum(map(line.scheduler.running, tenants)) == len(naive.running)
