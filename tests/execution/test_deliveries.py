"""When a message is sent again, and how it is signed."""

import re
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from axiomd.clock import NS_PER_S
from axiomd.execution.deliveries import (
    Delivery,
    DeliveryAttempt,
    DeliveryStatus,
    after_attempt,
    asked_again,
    parse_message_id,
)
from axiomd.execution.signatures import Signature, SigningSecrets
from axiomd.limits import WEBHOOK_ATTEMPTS_MAX

BEGUN_NS = 1_000 * NS_PER_S
DAY_NS = 86_400 * NS_PER_S
FIRST = Delivery(
    execution_id="0" * 32,
    key="1" * 24,
    tenant="t",
    kind="pause.opened",
    origin="https://a.example",
    created_ns=BEGUN_NS,
    since_ns=BEGUN_NS,
    due_ns=BEGUN_NS,
)


def failing(delivery, at_ns, chance=0.5, status_code=500):
    return after_attempt(delivery, DeliveryAttempt(at_ns, 1.0, status_code, "no"), chance)


def all_attempts(delivery, chance):
    """Seconds from the first attempt to each, when all fail."""
    times = []
    while delivery.due_ns:
        times.append((delivery.due_ns - delivery.since_ns) / NS_PER_S)
        delivery = failing(delivery, delivery.due_ns, chance)
    assert delivery.status is DeliveryStatus.FAILED
    return times


def test_a_message_is_tried_eight_times_within_a_day():
    times = all_attempts(FIRST, 0.5)
    assert times == [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 84_905]


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.999])
def test_chance_moves_attempts_by_a_tenth_and_never_past_the_day(chance):
    times = all_attempts(FIRST, chance)
    assert len(times) == 8
    assert 4.5 <= times[1] <= 5.5
    assert times[-1] <= 86_400


def test_a_box_that_was_off_for_long_still_tries_and_then_gives_up():
    once = failing(FIRST, BEGUN_NS)
    late = failing(once, BEGUN_NS + 3 * DAY_NS)
    assert late.status is DeliveryStatus.FAILED
    assert len(late.attempts) == 2


@pytest.mark.parametrize("code", [200, 202, 204, 299])
def test_2xx_is_success(code):
    assert failing(FIRST, BEGUN_NS, status_code=code).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize("code", [0, 199, 300, 302, 400, 404, 429, 500, 503])
def test_anything_else_is_tried_again(code):
    after = failing(FIRST, BEGUN_NS, status_code=code)
    assert after.status is DeliveryStatus.PENDING
    assert after.due_ns > BEGUN_NS


def test_gone_is_gone():
    assert failing(FIRST, BEGUN_NS, status_code=410).status is DeliveryStatus.FAILED


def test_asked_again_it_has_a_day_and_all_its_attempts_again_under_the_same_id():
    given_up = attrs.evolve(FIRST, status=DeliveryStatus.FAILED, due_ns=0, tries=8)
    again = asked_again(given_up, BEGUN_NS + 9 * DAY_NS)
    assert again.message_id == FIRST.message_id
    assert len(all_attempts(again, 0.5)) == 8


def test_the_last_attempts_are_kept():
    delivery = FIRST
    for number in range(WEBHOOK_ATTEMPTS_MAX + 5):
        delivery = failing(asked_again(delivery, number), number)
    assert [one.at_ns for one in delivery.attempts] == list(range(5, WEBHOOK_ATTEMPTS_MAX + 5))


def test_a_message_id_leads_to_its_delivery():
    assert parse_message_id(FIRST.message_id) == (FIRST.execution_id, FIRST.key)
    for text in ("", "msg_", FIRST.message_id.upper(), FIRST.message_id + "0"):
        assert parse_message_id(text) is None


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_signature_is_that_of_the_published_vector():
    signature = Signature((SECRET,), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)
    for piece in (b'{"test": ', b"", b"2432232314}"):
        signature.update(piece)
    assert signature.header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_check_in_the_readme_tells_a_genuine_message_from_a_changed_one():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(r"```python\n(import base64.*?)```", readme, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    now_s, body = int(time.time()), b'{"x": 1}'
    signature = Signature((SECRET, "whsec_b2xk"), "msg_1", now_s)
    signature.update(body)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now_s),
        "webhook-signature": signature.header,
    }
    assert names["is_genuine"](SECRET, headers, body)
    assert names["is_genuine"]("whsec_b2xk", headers, body)
    assert not names["is_genuine"](SECRET, headers, body + b" ")
    assert not names["is_genuine"]("whsec_b3RoZXI=", headers, body)
    late = headers | {"webhook-timestamp": str(now_s - 1000)}
    assert not names["is_genuine"](SECRET, late, body)


def test_a_replaced_secret_signs_until_its_time():
    secrets = SigningSecrets("whsec_bmV3", 1, "whsec_b2xk", 100)
    assert secrets.valid(99) == ("whsec_bmV3", "whsec_b2xk")
    assert secrets.valid(100) == ("whsec_bmV3",)
    assert Signature(secrets.valid(99), "msg_1", 1).header.count("v1,") == 2
    assert "bmV3" not in repr(secrets)
