"""The one table of statuses."""

from itertools import product

import pytest

from axiomd.execution.status import (
    ENDED,
    TRANSITIONS,
    IllegalTransition,
    Residence,
    Status,
    Trigger,
    advance,
    residence,
)

LEGAL = {
    "QUEUED claim RUNNING",
    "QUEUED cancel CANCELLED",
    "QUEUED undo QUEUED",
    "RUNNING requeue QUEUED",
    "RUNNING complete COMPLETED",
    "RUNNING fail FAILED",
    "RUNNING cancel CANCELLED",
    "RUNNING sleep RUNNING",
    "RUNNING wait WAITING_ON_GATE",
    "RUNNING pause PAUSED_HITL",
    "RUNNING hold DEBUG_PAUSED",
    "RUNNING wake QUEUED",
    "RUNNING undo QUEUED",
    "RUNNING compensate COMPENSATING",
    "WAITING_ON_GATE wake QUEUED",
    "WAITING_ON_GATE cancel CANCELLED",
    "WAITING_ON_GATE undo QUEUED",
    "PAUSED_HITL wake QUEUED",
    "PAUSED_HITL cancel CANCELLED",
    "PAUSED_HITL undo QUEUED",
    "DEBUG_PAUSED undo QUEUED",
    "COMPENSATING requeue QUEUED",
    "COMPENSATING fail FAILED",
    "COMPENSATING cancel CANCELLED",
    "COMPENSATING sleep COMPENSATING",
    "COMPENSATING wake QUEUED",
    "DEBUG_PAUSED wake QUEUED",
    "DEBUG_PAUSED cancel CANCELLED",
}
"""Written a second time, by hand: the table may not change by accident."""


@pytest.mark.parametrize(("status", "trigger"), list(product(Status, Trigger)))
def test_a_status_changes_only_along_the_table(status, trigger):
    legal = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in LEGAL}
    wanted = legal.get(f"{status} {trigger}")
    if wanted is None:
        with pytest.raises(IllegalTransition, match=f"{trigger} does not apply to {status}"):
            advance(status, trigger)
    else:
        assert advance(status, trigger) is Status(wanted)


def test_nothing_leaves_an_end():
    assert not {status for status, _ in TRANSITIONS} & ENDED
    assert {status for status in Status if status.ended} == ENDED


def test_every_status_lives_in_exactly_one_place():
    homes = {status: residence(status) for status in Status}
    assert {s for s, home in homes.items() if home is Residence.ENDED} == ENDED
    assert {s for s, home in homes.items() if home is Residence.READY} == {Status.QUEUED}
    assert set(homes.values()) == set(Residence)


def test_what_sleeps_until_a_time_is_parked_whatever_its_status():
    assert residence(Status.RUNNING, asleep=True) is Residence.PARKED


def test_every_status_has_a_label_of_its_own():
    assert len({status.label for status in Status}) == len(Status) == 9
