"""Webhooks as requests name them, checked: where they lead and what they tell."""

import attrs

from axiomd.api.box import Box
from axiomd.api.wire import WebhookBody, read_body
from axiomd.errors import Invalid, Problem
from axiomd.execution.deliveries import EVENTS
from axiomd.execution.targets import Target, target_problems
from axiomd.strict import unknown


@attrs.frozen
class SubscribeBody:
    """POST /app/v1/webhooks."""

    url: str
    events: tuple[str, ...]
    headers: dict[str, str] = attrs.field(factory=dict)


def read_target(box: Box, given: WebhookBody | None, root: str = "webhook") -> Target | None:
    """Where an execution's end is to be told. Raises Invalid with every problem."""
    if given is None:
        return None
    allow_private = box.webhooks.settings.allow_private
    problems = target_problems(given.url, given.headers, root, allow_private=allow_private)
    if problems:
        raise Invalid("The webhook is not valid.", problems=problems)
    return Target(given.url, tuple(given.headers.items()))


def read_subscription(box: Box, body: bytes) -> tuple[Target, tuple[str, ...]]:
    """The body that asks for notifications. Raises Malformed, Invalid."""
    read = read_body(body, SubscribeBody)
    allow_private = box.webhooks.settings.allow_private
    problems = target_problems(read.url, read.headers, "", allow_private=allow_private)
    if not read.events:
        problems.append(Problem("events", f"names none; there are {', '.join(EVENTS)}"))
    for number, event in enumerate(read.events):
        if event not in EVENTS:
            problems.append(Problem(f"events[{number}]", unknown("event", event, EVENTS)))
    if problems:
        raise Invalid("The webhook is not valid.", problems=problems)
    events = tuple(dict.fromkeys(read.events))
    return Target(read.url, tuple(read.headers.items())), events
