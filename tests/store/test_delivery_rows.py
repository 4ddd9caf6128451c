"""Deliveries as the writer judges them, and as `verify` finds them broken."""

import attrs
import pytest
from worlds.flows import BRANCHING, TENANT
from worlds.invariants import broken_invariants, rows
from worlds.rows import commit_now, delete_row, new_execution, open_writing, put_rows

from axiomd.errors import Malformed, NotFound, WrongState
from axiomd.execution.deliveries import (
    DeliveryAttempt,
    DeliveryStatus,
    Subscription,
    after_attempt,
    asked_again,
    attempt_entry,
    result_key,
    scheduled_entry,
)
from axiomd.execution.journal import EntryKind, Payload
from axiomd.execution.targets import Target
from axiomd.store import commit as commits
from axiomd.store import keys, outbox
from axiomd.store.commit import DeliveryCommit, PurgeCommit
from axiomd.store.delivery_records import (
    decode_delivery,
    decode_subscription,
    encode_delivery,
    encode_subscription,
)
from axiomd.store.outbox import Outbox
from axiomd.store.reader import Reader

HOOK = Target("https://a.example/", (("X-A", "1"), ("X-B", "2")))
ARTIFACTS = {BRANCHING.artifact.graph_id: BRANCHING.artifact}


@pytest.fixture
def writing(tmp_path):
    with open_writing(tmp_path) as (store, writer):
        yield store, writer


def ended(writer, number=1, at_ns=50, webhook=HOOK, **changes):
    """An execution that was cancelled; its ID."""
    execution = new_execution(number, webhook=webhook, **changes)
    writer.submit(commits.accept(execution, Payload(1, b"x"), claimed=True))
    writer.submit(commits.cancel(execution.execution_id, at_ns, "{}"))
    commit_now(writer)
    return execution.execution_id


def refusal(writer, commit):
    ticket = writer.submit(commit)
    commit_now(writer)
    return type(ticket._error) if ticket._error else None


def broken(store, tmp_path):
    return broken_invariants(store, tmp_path / "blobs", ARTIFACTS)


def succeeded(delivery, at_ns=60):
    attempt = DeliveryAttempt(at_ns, 1.5, 200)
    after = after_attempt(delivery, attempt, 0.5)
    return DeliveryCommit(delivery, after, attempt_entry(after, attempt))


def test_an_end_and_its_delivery_are_one_commit(writing, tmp_path):
    store, writer = writing
    identity = ended(writer)
    (delivery,) = Outbox(store).of_execution(identity, 10, None).rows
    assert (delivery.key, delivery.due_ns, delivery.tenant) == (result_key(), 50, TENANT)
    assert Outbox(store).due(50, (), lambda _: 4, b"", 10).places == (
        (delivery.lane, (identity, delivery.key)),
    )
    assert Outbox(store).due(49, (), lambda _: 4, b"", 10).next_ns == 50
    assert Reader(store).find_execution(identity).webhook == HOOK
    kinds = [entry.kind for entry in Reader(store).journal(identity)]
    assert kinds[-2:] == [EntryKind.EXECUTION_CANCELLED, EntryKind.WEBHOOK_SCHEDULED]
    assert broken(store, tmp_path) == []


def test_an_outcome_counts_only_for_the_delivery_it_was_made_with(writing, tmp_path):
    store, writer = writing
    identity = ended(writer)
    (delivery,) = Outbox(store).of_execution(identity, 10, None).rows
    commit = succeeded(delivery)
    assert refusal(writer, commit) is None
    assert refusal(writer, commit) is WrongState
    (done,) = Outbox(store).of_execution(identity, 10, None).rows
    assert (done.status, done.due_ns) == (DeliveryStatus.DELIVERED, 0)
    assert rows(store, keys.DELIVERIES_DUE) == []
    again = asked_again(done, 70)
    assert refusal(writer, DeliveryCommit(done, again, scheduled_entry(again))) is None
    assert refusal(writer, succeeded(done)) is WrongState
    assert broken(store, tmp_path) == []
    gone = attrs.evolve(delivery, execution_id="f" * 32)
    assert refusal(writer, succeeded(gone)) is NotFound


def test_receivers_take_turns_and_what_is_busy_is_passed_over(writing):
    store, writer = writing
    for number in range(30):
        ended(writer, number, webhook=Target(f"https://{number % 3}.example/"))
    outbox = Outbox(store)
    first = outbox.due(10**18, (), lambda _: 2, b"", 10).places
    lanes = [lane for lane, _ in first]
    assert len(lanes) == 6
    assert all(lanes.count(lane) == 2 for lane in lanes)
    taken = {place for _, place in first}
    second = outbox.due(10**18, taken, lambda _: 2, b"", 10).places
    assert not taken & {place for _, place in second}
    for lane in set(lanes):
        turned = outbox.due(10**18, (), lambda _: 1, lane, 10).places
        assert [one for one, _ in turned][-1] == lane, "whose turn it was comes last"
        assert len(turned) == 3
    assert outbox.due(10**18, (), lambda _: 0, b"", 10).places == ()


def test_lists_are_paged_newest_first_and_by_status(writing):
    store, writer = writing
    identities = [ended(writer, number, at_ns=50 + number) for number in range(5)]
    outbox = Outbox(store)
    (oldest,) = outbox.of_execution(identities[0], 10, None).rows
    assert refusal(writer, succeeded(oldest)) is None
    found, cursor = [], None
    while True:
        page = outbox.deliveries(TENANT, None, 2, cursor)
        found += [one.execution_id for one in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == identities[::-1]
    done = outbox.deliveries(TENANT, DeliveryStatus.DELIVERED, 10, None).rows
    assert [one.execution_id for one in done] == identities[:1]
    assert outbox.deliveries("other", None, 10, None).rows == []
    with pytest.raises(NotFound):
        outbox.delivery("other", oldest.message_id)
    for text in ("?", "AAAA"):
        with pytest.raises(Malformed):
            outbox.deliveries(TENANT, None, 10, text)


def test_what_is_pending_or_a_result_is_not_purged(writing, tmp_path):
    store, writer = writing
    mine = Subscription("S" * 26, TENANT, HOOK, ("execution_cancelled",), 1)
    key = keys.subscription_key(TENANT, mine.subscription_id)
    put_rows(store, (keys.SUBSCRIPTIONS, key, encode_subscription(mine)))
    identity = ended(writer)
    result, notification = sorted(
        Outbox(store).of_execution(identity, 10, None).rows, key=lambda one: one.subscription_id
    )
    places = tuple((one.execution_id, one.key) for one in (result, notification))
    writer.submit(PurgeCommit(places, 10**18))
    commit_now(writer)
    assert len(rows(store, keys.DELIVERIES)) == 2
    for one in (result, notification):
        assert refusal(writer, succeeded(one)) is None
    assert Outbox(store).old(10**18, b"", 10) == ([places[1]], b"")
    assert Outbox(store).old(50, b"", 10) == ([], b"")
    writer.submit(PurgeCommit(places, 10**18))
    commit_now(writer)
    (left,) = Outbox(store).of_execution(identity, 10, None).rows
    assert left.key == result.key
    assert broken(store, tmp_path) == []


def test_nothing_is_noted_of_an_execution_that_is_being_forgotten(writing):
    store, writer = writing
    identity = ended(writer)
    (delivery,) = Outbox(store).of_execution(identity, 10, None).rows
    delete_row(store, keys.EXECUTIONS, keys.execution_key(identity))
    assert refusal(writer, succeeded(delivery)) is NotFound


def test_what_may_be_purged_is_found_behind_what_may_not(writing, monkeypatch):
    monkeypatch.setattr(outbox, "_OLD_ROWS", 2)
    store, writer = writing
    for number in range(7):
        ended(writer, number, tenant=f"tenant{number % 3}")
    seen, start = 0, b""
    while True:
        found, start = Outbox(store).old(10**18, start, 10)
        assert found == []
        seen += 1
        if not start:
            break
    assert seen == 4


def test_records_are_what_they_were():
    one = Subscription("S" * 26, TENANT, HOOK, ("pause_opened", "node_in_doubt"), 5, 7)
    key = keys.subscription_key(TENANT, one.subscription_id)
    assert decode_subscription(key, encode_subscription(one)) == one


@pytest.mark.parametrize(
    ("hurt", "words"),
    [
        ("no delivery", "its webhook is not told"),
        ("no time", "lacks the row"),
        ("not due", "due at 0"),
        ("strange tenant", "is of tenant other"),
        ("left behind", "a row too many"),
        ("no owner", "has a history and no record"),
    ],
)
def test_verify_finds_what_is_broken(writing, tmp_path, hurt, words):
    store, writer = writing
    identity = ended(writer)
    (delivery,) = Outbox(store).of_execution(identity, 10, None).rows
    own = keys.delivery_key(identity, delivery.key)
    place = (delivery.created_ns, identity, delivery.key)
    match hurt:
        case "no delivery" | "left behind":
            delete_row(store, keys.DELIVERIES, own)
        case "no time":
            row = keys.timed_delivery_key(TENANT, *place)
            delete_row(store, keys.DELIVERIES_BY_TIME, row)
        case "not due":
            changed = attrs.evolve(delivery, due_ns=0)
            put_rows(store, (keys.DELIVERIES, own, encode_delivery(changed)))
        case "strange tenant":
            changed = attrs.evolve(delivery, tenant="other")
            put_rows(store, (keys.DELIVERIES, own, encode_delivery(changed)))
        case "no owner":
            stray = keys.delivery_key("f" * 32, delivery.key)
            put_rows(store, (keys.DELIVERIES, stray, encode_delivery(delivery)))
    assert any(words in fault for fault in broken(store, tmp_path)), broken(store, tmp_path)
    assert decode_delivery(own, encode_delivery(delivery)) == delivery
