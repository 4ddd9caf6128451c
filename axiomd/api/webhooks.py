"""Routes for webhooks: who is told of what, what was delivered, the secret that signs it."""

from typing import TypedDict

from quart import Blueprint, g

from axiomd.api.box import Box
from axiomd.api.executions import find_execution, query_of, request_body, take_no_query
from axiomd.api.shapes import ExecutionId, Moment
from axiomd.api.views import Json, moment
from axiomd.api.webhook_wire import read_subscription
from axiomd.api.wire import PAGE_PARAMETERS, read_page
from axiomd.clock import rfc3339
from axiomd.errors import Invalid, Problem
from axiomd.execution.deliveries import Delivery, DeliveryStatus, Subscription
from axiomd.execution.signatures import SigningSecrets
from axiomd.strict import unknown


class SubscriptionView(TypedDict):
    """A receiver that a tenant has told of events; of its headers only the names are shown."""

    webhook_id: str
    url: str
    events: list[str]
    headers: list[str]
    created_at: Moment
    stopped_at: Moment | None
    """When it said that it is gone, for good."""


class RemovedView(TypedDict):
    """A webhook that is told nothing more."""

    removed: str


class DeliveryAttemptView(TypedDict):
    """One request, and what came of it."""

    at: Moment
    status_code: int | None
    error: str | None
    ms: float


class DeliveryView(TypedDict):
    """One message for one receiver, and what came of it."""

    delivery_id: str
    execution_id: ExecutionId
    webhook_id: str | None
    """The subscription; null for an invocation's own webhook."""
    type: str
    to: str
    """Scheme, host and port of the receiver."""
    status: DeliveryStatus
    created_at: Moment
    due_at: Moment | None
    attempts: list[DeliveryAttemptView]


class SigningSecretView(TypedDict):
    """What messages are signed with, and until when the secret before it still signs."""

    secret: str
    created_at: Moment
    previous_until: Moment | None


def webhooks_routes(box: Box) -> Blueprint:
    """Webhooks below /app/v1, and those of one execution."""
    routes = Blueprint("webhooks", __name__)
    hooks = _Hooks(box)
    root = "/app/v1/webhooks"
    routes.get(root)(hooks.list_subscriptions)
    routes.post(root)(hooks.subscribe)
    routes.delete(f"{root}/<webhook_id>")(hooks.unsubscribe)
    routes.get(f"{root}/deliveries")(hooks.list_deliveries)
    routes.get(f"{root}/deliveries/<delivery_id>")(hooks.delivery)
    routes.post(f"{root}/deliveries/<delivery_id>/redeliver")(hooks.redeliver)
    routes.get(f"{root}/secret")(hooks.secret)
    routes.post(f"{root}/secret/rotate")(hooks.rotate)
    routes.get("/invocations/v1/executions/<execution_id>/webhooks")(hooks.of_execution)
    return routes


class _Hooks:
    """The handlers, over a box."""

    def __init__(self, box: Box) -> None:
        self._box = box

    async def list_subscriptions(self) -> Json:
        """The tenant's webhooks, oldest first: a bounded number."""
        take_no_query()
        found = self._box.webhooks.outbox.subscriptions(g.tenant)
        return {"webhooks": [subscription_view(one) for one in found], "next_cursor": None}

    async def subscribe(self) -> tuple[SubscriptionView, int]:
        """Tell a receiver of events from now on."""
        take_no_query()
        target, events = read_subscription(self._box, await request_body())
        made = await self._box.webhooks.subscribe(g.tenant, target, events, g.caller.actor)
        return subscription_view(made), 201

    async def unsubscribe(self, webhook_id: str) -> RemovedView:
        """Tell it nothing more."""
        take_no_query()
        await self._box.webhooks.unsubscribe(g.tenant, webhook_id, g.caller.actor)
        return {"removed": webhook_id}

    async def list_deliveries(self) -> Json:
        """A page of the tenant's deliveries, newest first."""
        query = query_of("status", *PAGE_PARAMETERS)
        status = _read_status(query.text("status"))
        limit, cursor = read_page(query)
        page = self._box.webhooks.outbox.deliveries(g.tenant, status, limit, cursor)
        views = [delivery_view(one) for one in page.rows]
        return {"deliveries": views, "next_cursor": page.cursor}

    async def of_execution(self, execution_id: str) -> Json:
        """A page of what was told of one execution."""
        execution = find_execution(self._box, execution_id)
        limit, cursor = read_page(query_of(*PAGE_PARAMETERS))
        page = self._box.webhooks.outbox.of_execution(execution.execution_id, limit, cursor)
        views = [delivery_view(one) for one in page.rows]
        return {"webhooks": views, "next_cursor": page.cursor}

    async def delivery(self, delivery_id: str) -> DeliveryView:
        """One delivery with its attempts."""
        take_no_query()
        return delivery_view(self._box.webhooks.outbox.delivery(g.tenant, delivery_id))

    async def redeliver(self, delivery_id: str) -> tuple[DeliveryView, int]:
        """Tell it once more; what comes of it is seen in the delivery."""
        take_no_query()
        again = await self._box.webhooks.redeliver(g.tenant, delivery_id, g.caller.name)
        return delivery_view(again), 202

    async def secret(self) -> SigningSecretView:
        """What the tenant's messages are signed with."""
        take_no_query()
        return secret_view(await self._box.webhooks.signing.of(g.tenant))

    async def rotate(self) -> SigningSecretView:
        """Replace it; for a day messages carry the signature of the old one too."""
        take_no_query()
        return secret_view(await self._box.webhooks.signing.rotate(g.tenant, g.caller.actor))


def _read_status(text: str | None) -> DeliveryStatus | None:
    known = {status.value: status for status in DeliveryStatus}
    if text is None or text.upper() in known:
        return known[text.upper()] if text is not None else None
    words = unknown("status", text, known)
    raise Invalid("The query is not valid.", problems=[Problem("status", words)])


def subscription_view(subscription: Subscription) -> SubscriptionView:
    """A webhook of a tenant; of its headers only the names are shown."""
    return {
        "webhook_id": subscription.subscription_id,
        "url": subscription.target.url,
        "events": list(subscription.events),
        "headers": [name for name, _ in subscription.target.headers],
        "created_at": rfc3339(subscription.created_ns),
        "stopped_at": moment(subscription.stopped_ns),
    }


def delivery_view(delivery: Delivery) -> DeliveryView:
    """One message for one receiver, and what came of it."""
    return {
        "delivery_id": delivery.message_id,
        "execution_id": delivery.execution_id,
        "webhook_id": delivery.subscription_id or None,
        "type": delivery.kind,
        "to": delivery.origin,
        "status": delivery.status,
        "created_at": rfc3339(delivery.created_ns),
        "due_at": moment(delivery.due_ns),
        "attempts": [
            {
                "at": rfc3339(one.at_ns),
                "status_code": one.status_code or None,
                "error": one.error or None,
                "ms": one.ms,
            }
            for one in delivery.attempts
        ],
    }


def secret_view(secrets: SigningSecrets) -> SigningSecretView:
    """A signing secret, and until when the one before it still signs."""
    return {
        "secret": secrets.current,
        "created_at": rfc3339(secrets.created_ns),
        "previous_until": moment(secrets.previous_until_ns),
    }
