"""When a failed call is made again, as a table."""

import pytest

from axiomd.execution.call import Failure
from axiomd.execution.retry import next_pause_s
from axiomd.flow.artifact import Retry

ERROR = Failure("NODE_ERROR", "KeyError: no", classes=("KeyError", "LookupError", "Exception"))
PATIENT = Retry(max_attempts=5, initial_interval_ms=100, max_interval_ms=1_000)


@pytest.mark.parametrize(
    ("failures", "pause_s"), [(1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, None), (6, None)]
)
def test_pauses_grow_until_the_attempts_are_used_up(failures, pause_s):
    assert next_pause_s(PATIENT, failures, ERROR, 0) == pause_s


def test_one_attempt_is_the_default():
    assert next_pause_s(Retry(), 1, ERROR, 0) is None


def test_no_pause_exceeds_the_longest_one_however_many_came_before():
    endless = Retry(10_000, initial_interval_ms=1, backoff_coefficient=1_000, max_interval_ms=9)
    assert next_pause_s(endless, 3, ERROR, 0) == 0.009
    assert next_pause_s(endless, 9_999, ERROR, 0) == 0.009
    at_once = Retry(10_000, initial_interval_ms=0, backoff_coefficient=1_000)
    assert next_pause_s(at_once, 9_999, ERROR, 0) == 0


@pytest.mark.parametrize(("chance", "pause_s"), [(0, 0.1), (0.5, 0.075), (1, 0.05)])
def test_jitter_shortens_a_pause_by_chance(chance, pause_s):
    policy = Retry(max_attempts=2, initial_interval_ms=100, jitter=0.5)
    assert next_pause_s(policy, 1, ERROR, chance) == pytest.approx(pause_s)


@pytest.mark.parametrize("name", ["KeyError", "LookupError", "NODE_ERROR"])
def test_a_policy_names_what_is_final_by_class_base_class_or_kind(name):
    assert next_pause_s(Retry(9, non_retryable=(name,)), 1, ERROR, 0) is None


def test_what_a_policy_does_not_name_is_tried_again():
    assert next_pause_s(Retry(9, non_retryable=("ValueError",)), 1, ERROR, 0) == 1


def test_an_output_over_the_cap_is_never_tried_again():
    assert next_pause_s(PATIENT, 1, Failure("PAYLOAD_TOO_LARGE", "large"), 0) is None
