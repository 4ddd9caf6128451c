"""When schedules fire, and what is done about what they missed, as tables."""

import itertools
from datetime import UTC

import attrs
import pytest
from worlds.schedules import definition, schedule

from axiomd.clock import NS_PER_HOUR, NS_PER_S, parse_rfc3339
from axiomd.execution.schedules import Step, Timing, next_time, revised, steps, upcoming
from axiomd.limits import SCHEDULE_CATCH_UP_MAX, SCHEDULE_LATE_S_MAX
from axiomd.zones import find_zone

DAY_NS = 24 * NS_PER_HOUR
MINUTE = Timing(every_s=60)
MINUTE_NS = 60 * NS_PER_S
NOW_NS = parse_rfc3339("2026-12-01T12:00:30Z")


def made(catch_up="none", *, missed=0, timing=MINUTE, **changes):
    """A schedule whose first time that is not done with came `missed` of its times ago."""
    created = schedule(timing, NOW_NS - 500 * DAY_NS - 30 * NS_PER_S, catch_up=catch_up)
    next_ns = next_time(created, NOW_NS - (missed + 1) * MINUTE_NS, UTC)
    return attrs.evolve(created, next_ns=next_ns, **changes)


def due(found):
    return [NOW_NS - step.due_ns for step in found if step.fires]


def test_an_interval_is_anchored_at_the_creation_whatever_was_fired_when():
    one = schedule(Timing(every_s=7), 1_000)
    assert next_time(one, 1_000, UTC) == 1_000 + 7 * NS_PER_S
    late_ns = 1_000 + 70 * NS_PER_S + 5
    assert next_time(one, late_ns, UTC) == 1_000 + 77 * NS_PER_S
    assert next_time(one, 1_000 + 77 * NS_PER_S, UTC) == 1_000 + 84 * NS_PER_S


def test_an_interval_that_starts_later_begins_with_its_start():
    start_ns = parse_rfc3339("2026-12-24T18:00:00Z")
    one = schedule(Timing(every_s=3600, starts_ns=start_ns), NOW_NS)
    assert next_time(one, NOW_NS, UTC) == start_ns
    assert next_time(one, start_ns, UTC) == start_ns + NS_PER_HOUR


def test_no_time_is_before_the_start_or_at_the_end():
    noon = parse_rfc3339("2026-12-02T12:00:00Z")
    bounds = {"starts_ns": noon, "ends_ns": noon + 2 * DAY_NS}
    one = schedule(Timing(cron="0 12 * * *", **bounds), NOW_NS)
    one = attrs.evolve(one, next_ns=next_time(one, NOW_NS, UTC))
    assert upcoming(one, UTC, 5) == [noon, noon + DAY_NS]
    assert next_time(one, noon + DAY_NS, UTC) == 0


def test_a_zone_is_that_of_the_wall_and_what_is_shown_begins_with_the_next():
    one = schedule(Timing(cron="30 2 * * *", time_zone="Europe/Zurich"), NOW_NS)
    zone = find_zone("Europe/Zurich")
    one = attrs.evolve(one, next_ns=next_time(one, parse_rfc3339("2026-03-28T00:00:00Z"), zone))
    assert upcoming(one, zone, 3) == [
        parse_rfc3339("2026-03-28T01:30:00Z"),
        parse_rfc3339("2026-03-29T01:00:00Z"),
        parse_rfc3339("2026-03-30T00:30:00Z"),
    ]
    paused = attrs.evolve(one, definition=attrs.evolve(one.definition, paused=True))
    assert (upcoming(paused, zone, 3), paused.due_ns) == ([], 0)


def test_what_is_due_is_fired_and_moved_on():
    one = made()
    (step,) = steps(one, UTC, NOW_NS, 1, 10)
    assert step == Step(one.next_ns, one.next_ns + MINUTE_NS)


@pytest.mark.parametrize(
    ("catch_up", "wanted"),
    [
        ("none", [0]),
        ("one", [1, 0]),
        ("all", [3, 2, 1, 0]),
    ],
)
def test_of_what_was_missed_the_policy_says_what_is_fired(catch_up, wanted):
    one = made(catch_up, missed=3)
    found = steps(one, UTC, NOW_NS, NOW_NS - 40 * NS_PER_S, 10)
    assert due(found) == [30 * NS_PER_S + count * MINUTE_NS for count in wanted]
    assert found[-1].next_ns > NOW_NS
    for sooner, later in itertools.pairwise(found):
        assert sooner.next_ns == later.due_ns


@pytest.mark.parametrize(("catch_up", "wanted"), [("none", 0), ("one", 1), ("all", 4)])
def test_what_only_was_missed_is_skipped_or_made_up_for(catch_up, wanted):
    found = steps(made(catch_up, missed=3), UTC, NOW_NS, NOW_NS - 1, 10)
    assert len(due(found)) == wanted
    assert found[-1].next_ns == NOW_NS + 30 * NS_PER_S


def test_all_that_was_missed_has_a_bound_and_the_last_ones_count():
    one, seen = made("all", missed=5000), []
    while one.next_ns <= NOW_NS:
        some = steps(one, UTC, NOW_NS, NOW_NS, 32)
        assert len(some) <= 32
        seen += due(some)
        one = attrs.evolve(one, next_ns=some[-1].next_ns)
    newest_ns = 30 * NS_PER_S
    assert seen == [newest_ns + n * MINUTE_NS for n in range(SCHEDULE_CATCH_UP_MAX)][::-1]


@pytest.mark.parametrize("text", ["* * * * *", "0 4 * * *", "0 0 29 2 *"])
def test_the_last_missed_time_of_an_expression_is_found_however_far_back(text):
    one = schedule(Timing(cron=text), 1, catch_up="one", next_ns=0)
    one = attrs.evolve(one, next_ns=next_time(one, parse_rfc3339("2015-01-01"), UTC))
    (step,) = steps(one, UTC, NOW_NS, NOW_NS, 10)
    assert step.next_ns == next_time(one, NOW_NS, UTC)
    assert next_time(one, step.due_ns, UTC) == step.next_ns, "a later one was missed too"
    assert step.due_ns < NOW_NS


def test_a_little_late_is_not_missed_and_more_is():
    late_ns = SCHEDULE_LATE_S_MAX * NS_PER_S
    one = made(timing=Timing(every_s=3600))
    (step,) = steps(one, UTC, one.next_ns + late_ns, 1, 10)
    assert step.fires
    (step,) = steps(one, UTC, one.next_ns + late_ns + 1, 1, 10)
    assert not step.fires, "the clock was set forward, or the machine slept"


def test_a_beginning_that_lies_ahead_tells_nothing():
    one = made(since_ns=NOW_NS + DAY_NS)
    (step,) = steps(one, UTC, NOW_NS, NOW_NS + DAY_NS, 10)
    assert step.fires, "the clock was set back since"


def test_many_are_dealt_with_some_at_a_time():
    one = made("all", missed=9)
    some = steps(one, UTC, NOW_NS, NOW_NS, 4)
    assert len(some) == 4
    assert some[-1].next_ns == some[-1].due_ns + MINUTE_NS <= NOW_NS


def test_the_last_time_of_all_leaves_none():
    one = made(timing=Timing(every_s=60, ends_ns=NOW_NS + 1))
    (step,) = steps(one, UTC, NOW_NS, 1, 10)
    assert (step.fires, step.next_ns) == (True, 0)


def changed(before, **changes):
    return revised(before, attrs.evolve(before.definition, **changes), UTC, NOW_NS)


def test_another_name_or_input_leaves_the_times():
    one = made(missed=2, last_error="it was so")
    after = changed(one, name="other", content=b"else", overlap="skip")
    assert (after.next_ns, after.updated_ns, after.last_error) == (one.next_ns, NOW_NS, "")


def test_another_timing_counts_from_now():
    one = made("all", missed=2)
    after = changed(one, timing=Timing(cron="0 13 * * *"))
    assert after.next_ns == parse_rfc3339("2026-12-01T13:00:00Z")


@pytest.mark.parametrize(("catch_up", "fired"), [("none", 0), ("one", 1), ("all", 4)])
def test_what_passed_during_a_pause_was_missed(catch_up, fired):
    paused = changed(made(catch_up, missed=3), paused=True)
    resumed = revised(paused, definition(MINUTE, catch_up=catch_up), UTC, NOW_NS)
    assert resumed.since_ns == NOW_NS
    if catch_up == "none":
        assert resumed.next_ns == NOW_NS + 30 * NS_PER_S
    else:
        assert len(due(steps(resumed, UTC, NOW_NS, 1, 10))) == fired


def test_what_could_not_go_on_is_looked_for_again_when_it_is_resumed():
    stuck = attrs.evolve(made("all"), next_ns=0)
    assert changed(changed(stuck, paused=True), paused=False).next_ns > NOW_NS
