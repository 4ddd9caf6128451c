"""Tells others outside: deliveries that are due, each with its time, each for itself.

What is to be told is a row of the store, written with what it tells of; this loop knows only when
to look next. Nobody waits for it. Receivers take turns, and one that fails is asked by one request
at a time, so that a dead one holds up no other. A request whose outcome is not on disk is made
again, with the same `webhook-id`: at least once.
"""

import math
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import trio

from axiomd.clock import LOOK_AGAIN_S, NS_PER_DAY, NS_PER_MS, NS_PER_S
from axiomd.engine.parts import Parts, log
from axiomd.engine.posting import Headers, NotPosted, Post
from axiomd.engine.revising import revise
from axiomd.engine.signing import Signing
from axiomd.errors import (
    Invalid,
    NotFound,
    Problem,
    StoreFailed,
    StoreFull,
    WrongState,
)
from axiomd.execution.deliveries import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    Subscription,
    after_attempt,
    asked_again,
    attempt_entry,
    given_up,
    scheduled_entry,
)
from axiomd.execution.execution import Execution
from axiomd.execution.signatures import Signature
from axiomd.execution.targets import Target
from axiomd.limits import (
    FORGET_ROWS_MAX,
    WEBHOOK_REQUESTS_MAX,
    WEBHOOK_REQUESTS_PER_RECEIVER_MAX,
    WEBHOOK_SUBSCRIPTIONS_MAX,
)
from axiomd.settings import WebhookSettings
from axiomd.store import keys
from axiomd.store.acts import ActKind, Actor, acted
from axiomd.store.commit import DeliveryCommit, PurgeCommit, RowsCommit
from axiomd.store.delivery_records import encode_subscription
from axiomd.store.outbox import Outbox, Place

_FULL_PAUSE_S = 1.0
_AGAIN_S = 0.1
_PURGE_EVERY_S = 600.0
_PURGE_PAUSE_S = 1.0
_ERROR_CHARACTERS = 300

WriteBody = Callable[[], AsyncGenerator[bytes, None]]
"""A message's JSON in pieces, the same ones whenever it is called."""
MakeBody = Callable[[Delivery, Execution], Awaitable[WriteBody]]


class Webhooks:
    """The subscriptions of tenants, and what is on its way to receivers."""

    def __init__(
        self,
        parts: Parts,
        outbox: Outbox,
        signing: Signing,
        settings: WebhookSettings,
        post: Post,
    ) -> None:
        self.outbox = outbox
        self.signing = signing
        self.settings = settings
        self._parts = parts
        self._post = post
        self._bell = trio.Event()
        self._busy: dict[Place, bytes] = {}
        """What is being delivered, and in which lane."""
        self._failing: set[bytes] = set()
        """Lanes whose last request has failed, and is to be made again."""
        self._turn = b""
        """The lane that was served last."""
        self._subscribers = outbox.subscribers()
        """Tenants that have subscriptions: others cost nothing but this look."""
        self.on_attempt: Callable[[Delivery, DeliveryAttempt], None] = lambda _, __: None
        """Told of every request, once what came of it is on disk."""
        parts.tail.on_tellable = self.notice

    def notice(self, changed: Sequence[Execution]) -> None:
        """Take note of executions of which somebody may have to be told."""
        if any(one.webhook is not None or one.tenant in self._subscribers for one in changed):
            self._bell.set()

    # -- commands -----------------------------------------------------------------------------

    async def subscribe(
        self, tenant: str, target: Target, events: tuple[str, ...], by: Actor
    ) -> Subscription:
        """Tell a tenant's receiver of events from now on. Raises Invalid, StoreFull."""
        if len(self.outbox.subscriptions(tenant)) >= WEBHOOK_SUBSCRIPTIONS_MAX:
            words = f"there are {WEBHOOK_SUBSCRIPTIONS_MAX} webhooks already, which is the most"
            raise Invalid("No further webhook is taken.", problems=[Problem("url", words)])
        made = Subscription(
            self._parts.ids.subscription_id(), tenant, target, events, self._parts.clock.now_ns()
        )
        key = keys.subscription_key(tenant, made.subscription_id)
        row = (keys.SUBSCRIPTIONS, key, encode_subscription(made))
        # Before, for what ends in the same batch; after, if it was read meanwhile who there is.
        self._subscribers |= {tenant}
        kind, told = ActKind.WEBHOOK_ADDED, {"to": target.origin, "events": list(events)}
        acts = acted(by, tenant, made.created_ns, kind, made.subscription_id, **told)
        await self._parts.writer.submit(RowsCommit((row,), acts=acts)).wait()
        self._subscribers |= {tenant}
        return made

    async def unsubscribe(self, tenant: str, subscription_id: str, by: Actor) -> None:
        """Tell it nothing more, what is on its way included. Raises NotFound."""
        await revise(
            self._parts.writer, lambda: self._without_subscription(tenant, subscription_id, by)
        )
        self._subscribers = self.outbox.subscribers()

    def _without_subscription(self, tenant: str, subscription_id: str, by: Actor) -> RowsCommit:
        found = self.outbox.subscription(tenant, subscription_id)
        if found is None:
            raise NotFound(f"There is no webhook {subscription_id}.")
        row = keys.SUBSCRIPTIONS, keys.subscription_key(tenant, subscription_id)
        at_ns, kind, to = self._parts.clock.now_ns(), ActKind.WEBHOOK_REMOVED, found.target.origin
        acts = acted(by, tenant, at_ns, kind, subscription_id, to=to)
        still = (*row, encode_subscription(found))
        return RowsCommit((), deletes=(row,), acts=acts, still=(still,))

    async def redeliver(self, tenant: str, message_id: str, by: str) -> Delivery:
        """Tell it once more, as if for the first time. Raises NotFound, WrongState, StoreFull.

        by: who asks for it.
        """
        before = self.outbox.delivery(tenant, message_id)
        after = asked_again(before, self._parts.clock.now_ns())
        commit = DeliveryCommit(before, after, scheduled_entry(after, by))
        await self._parts.writer.submit(commit).wait()
        self._bell.set()
        return after

    # -- movement -----------------------------------------------------------------------------

    async def run(self, make_body: MakeBody) -> None:
        """Deliver until cancelled; requests that are under way are made again by the next start."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._purge)
            while True:
                self._bell = trio.Event()
                next_ns = self._begin_due(nursery, make_body)
                left_s = (next_ns - self._parts.clock.now_ns()) / NS_PER_S
                with trio.move_on_after(max(0.0, min(left_s, LOOK_AGAIN_S))):
                    await self._bell.wait()

    def _begin_due(self, nursery: trio.Nursery, make_body: MakeBody) -> float:
        """Begin what is due, as far as there is room; when to look next."""
        room = WEBHOOK_REQUESTS_MAX - len(self._busy)
        if not room:
            # The end of a request rings the bell.
            return math.inf
        in_flight = Counter(self._busy.values())

        def room_of(lane: bytes) -> int:
            most = 1 if lane in self._failing else WEBHOOK_REQUESTS_PER_RECEIVER_MAX
            return most - in_flight[lane]

        now_ns = self._parts.clock.now_ns()
        due = self.outbox.due(now_ns, self._busy, room_of, self._turn, room)
        for lane, place in due.places:
            self._busy[place] = self._turn = lane
            nursery.start_soon(self._deliver, place, make_body)
        return math.inf if due.next_ns is None else due.next_ns

    async def _deliver(self, place: Place, make_body: MakeBody) -> None:
        """One attempt at one delivery, and what came of it."""
        try:
            delivery = self.outbox.find(place)
            if delivery is not None and delivery.due_ns:
                await self._attempt(delivery, make_body)
        except (StoreFull, StoreFailed) as trouble:
            execution_id, key = place
            log.warning(
                "webhook_not_noted", execution_id=execution_id, delivery=key, error=str(trouble)
            )
            await trio.sleep(_FULL_PAUSE_S)
        except (NotFound, WrongState):
            # Being forgotten, or asked for again: the store says in a moment how it goes on.
            await trio.sleep(_AGAIN_S)
        finally:
            del self._busy[place]
            self._bell.set()

    async def _attempt(self, delivery: Delivery, make_body: MakeBody) -> None:
        target = self._target(delivery)
        if isinstance(target, str):
            after, attempt = given_up(delivery, target, self._parts.clock.now_ns())
            await self._note(DeliveryCommit(delivery, after, attempt_entry(after, attempt)))
            self._count(after)
            return
        attempt = await self._try(delivery, target, make_body)
        after = after_attempt(delivery, attempt, self._parts.chance())
        stops = attempt.gone and bool(delivery.subscription_id)
        await self._note(
            DeliveryCommit(delivery, after, attempt_entry(after, attempt), stops=stops)
        )
        self._parts.measures.webhook_requests.add(_came_of(attempt))
        self._count(after)
        self.on_attempt(after, attempt)
        if after.status is DeliveryStatus.FAILED:
            log.warning(
                "webhook_failed", **_named(delivery), to=delivery.origin, error=attempt.error
            )

    async def _note(self, commit: DeliveryCommit) -> None:
        """Make what became of a delivery durable; its receiver's next turns depend on it."""
        if commit.after.due_ns:
            self._failing.add(commit.after.lane)
        else:
            self._failing.discard(commit.after.lane)
        # With the next batch of anything: nobody waits for it.
        await self._parts.writer.submit_later(commit).wait()

    def _count(self, after: Delivery) -> None:
        if after.status is not DeliveryStatus.PENDING:
            self._parts.measures.webhooks_ended.add(after.status.value)

    def _target(self, delivery: Delivery) -> Target | str:
        """Where a delivery goes, or why nowhere."""
        if not delivery.subscription_id:
            execution = self._parts.reader.find_execution(delivery.execution_id)
            webhook = execution.webhook if execution is not None else None
            return webhook or "the execution is forgotten"
        found = self.outbox.subscription(delivery.tenant, delivery.subscription_id)
        if found is None:
            return "the webhook was removed"
        return "the receiver has answered 410: it is gone" if found.stopped_ns else found.target

    async def _try(
        self, delivery: Delivery, target: Target, make_body: MakeBody
    ) -> DeliveryAttempt:
        """Make the request."""
        began_ns, began = self._parts.clock.now_ns(), trio.current_time()
        status_code, error = 0, ""
        try:
            execution = self._parts.reader.execution(delivery.tenant, delivery.execution_id)
            write = await make_body(delivery, execution)
            headers = await self._headers(delivery, target, write)
            async with aclosing(write()) as body:
                status_code = await self._post(target.url, headers, body)
        except NotPosted as failure:
            error = str(failure)[:_ERROR_CHARACTERS]
        except StoreFull:
            raise
        except Exception as failure:  # noqa: BLE001 - the last frame of one message
            # What cannot be told of one execution must not end the box, again and again.
            log.error("webhook_not_made", **_named(delivery), exc_info=failure)
            error = f"the message cannot be made: {failure}"[:_ERROR_CHARACTERS]
        if status_code and not 200 <= status_code < 300:
            error = _refusal(status_code)
        ms = round((trio.current_time() - began) * NS_PER_S / NS_PER_MS, 3)
        return DeliveryAttempt(began_ns, ms, status_code, error)

    async def _headers(self, delivery: Delivery, target: Target, write: WriteBody) -> Headers:
        """All headers of a request. The body is read once for its signature and its length."""
        at_ns = self._parts.clock.now_ns()
        secrets = await self.signing.of(delivery.tenant)
        timestamp_s = at_ns // NS_PER_S
        signature, size = Signature(secrets.valid(at_ns), delivery.message_id, timestamp_s), 0
        async with aclosing(write()) as pieces:
            async for piece in pieces:
                signature.update(piece)
                size += len(piece)
        own = {name.lower() for name, _ in target.headers}
        return (
            *(() if "user-agent" in own else (("User-Agent", "axiomd"),)),
            *target.headers,
            ("Content-Type", "application/json"),
            ("Content-Length", str(size)),
            ("webhook-id", delivery.message_id),
            ("webhook-timestamp", str(timestamp_s)),
            ("webhook-signature", signature.header),
        )

    async def _purge(self) -> None:
        """Forget old notifications of executions that go on, a slice at a time."""
        kept_ns, start = int(self.settings.days * NS_PER_DAY), b""
        while True:
            before_ns = self._parts.clock.now_ns() - kept_ns
            old, start = self.outbox.old(before_ns, start, FORGET_ROWS_MAX)
            try:
                if old:
                    commit = PurgeCommit(tuple(old), before_ns)
                    await self._parts.writer.submit_later(commit).wait()
            except StoreFull as trouble:
                log.warning("store_full", error=str(trouble))
            await trio.sleep(_PURGE_PAUSE_S if start else _PURGE_EVERY_S)


def _came_of(attempt: DeliveryAttempt) -> str:
    """An attempt by the first figure of its answer: `2xx`; `none` without an answer."""
    return f"{attempt.status_code // 100}xx" if attempt.status_code else "none"


def _named(delivery: Delivery) -> dict[str, str]:
    """Which delivery it is, for the log."""
    return {
        "execution_id": delivery.execution_id,
        "tenant": delivery.tenant,
        "delivery": delivery.message_id,
    }


def _refusal(status_code: int) -> str:
    if 300 <= status_code < 400:
        return f"it answered {status_code}; redirects are not followed"
    return f"it answered {status_code}"


@asynccontextmanager
async def open_webhooks(webhooks: Webhooks, make_body: MakeBody) -> AsyncIterator[None]:
    """Deliveries at work, for as long as the engine is."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(webhooks.run, make_body)
        yield
        nursery.cancel_scope.cancel()
