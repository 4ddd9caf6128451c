"""Webhooks as requests name them, checked: where they lead and what they tell."""

from collections.abc import Sequence
from typing import Annotated

import attrs

from axiomd.api.box import Box
from axiomd.api.schema import Words
from axiomd.api.wire import WebhookBody, read_body
from axiomd.errors import Invalid, Problem
from axiomd.execution.deliveries import EVENTS
from axiomd.execution.targets import Target, target_problems
from axiomd.strict import unknown


@attrs.frozen
class SubscribeBody:
    """Who is told of which events."""

    url: str
    events: tuple[Annotated[str, Words(enum=list(EVENTS))], ...] = attrs.field(
        metadata={"schema": {"minItems": 1}}
    )
    headers: dict[str, str] = attrs.field(factory=dict)


def read_target(box: Box, given: WebhookBody | None, root: str = "webhook") -> Target | None:
    """Where an execution's end is to be told. Raises Invalid with every problem."""
    return None if given is None else _checked(box, given, root, [])


def read_subscription(box: Box, body: bytes) -> tuple[Target, tuple[str, ...]]:
    """The body that asks for notifications. Raises Malformed, Invalid."""
    read = read_body(body, SubscribeBody)
    problems = []
    if not read.events:
        problems.append(Problem("events", f"names none; there are {', '.join(EVENTS)}"))
    for number, event in enumerate(read.events):
        if event not in EVENTS:
            problems.append(Problem(f"events[{number}]", unknown("event", event, EVENTS)))
    return _checked(box, read, "", problems), tuple(dict.fromkeys(read.events))


def _checked(
    box: Box, given: WebhookBody | SubscribeBody, root: str, others: Sequence[Problem]
) -> Target:
    """Where a body leads. Raises Invalid with every problem, `others` behind the target's own."""
    allow_private = box.webhooks.settings.allow_private
    problems = target_problems(given.url, given.headers, root, allow_private=allow_private)
    if problems or others:
        raise Invalid("The webhook is not valid.", problems=[*problems, *others])
    return Target(given.url, tuple(given.headers.items()))
