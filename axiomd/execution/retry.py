"""Whether a node visit that failed is tried again, and how long after: one pure function."""

import math

from axiomd.execution.call import Failure
from axiomd.flow.artifact import Retry

_FINAL = frozenset({"PAYLOAD_TOO_LARGE", "SECRET_MISSING"})
"""Failure kinds that no policy tries again: the next output would be as large, and a secret that
is missing comes from a person."""
_MS_PER_S = 1_000


def next_pause_s(policy: Retry, failures: int, failure: Failure, chance: float) -> float | None:
    """Seconds until the next call; None if there will be none.

    failures: calls that are charged to the visit, this one included. chance: from 0 to 1, how
    much of the jitter is taken: a pause is shortened, so that `max_interval_ms` stays the most.
    """
    if failures >= policy.max_attempts or is_final(policy, failure):
        return None
    pause_ms = min(_grown(policy, failures - 1), policy.max_interval_ms)
    return pause_ms * (1 - policy.jitter * chance) / _MS_PER_S


def is_final(policy: Retry, failure: Failure) -> bool:
    """Whether this failure is one that the policy, or axiomd, never tries again."""
    names = {failure.kind, *failure.classes}
    return failure.kind in _FINAL or not names.isdisjoint(policy.non_retryable)


def _grown(policy: Retry, steps: int) -> float:
    """The interval after `steps` pauses; infinite where a float ends."""
    try:
        return policy.initial_interval_ms * policy.backoff_coefficient**steps
    except OverflowError:
        return math.inf if policy.initial_interval_ms else 0.0
