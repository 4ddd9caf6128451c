"""Webhooks with the commands, against a server that allows no private receivers."""

import json

from axiomd.cli.exits import Exit

URL = "https://hooks.example/axiomd"


def answer(ended):
    return json.loads(ended.stdout)


def test_a_webhook_is_added_listed_and_removed(ask):
    words = ("--event", "pause_opened", "--event", "execution_failed", "--header", "X-A: b:c")
    made = answer(ask("webhooks", "add", URL, *words, "--json"))
    assert made["headers"] == ["X-A"]
    assert made["events"] == ["pause_opened", "execution_failed"]
    assert made in answer(ask("webhooks", "list", "--json"))["webhooks"]
    assert made["webhook_id"] in ask("webhooks", "list").stdout
    assert ask("webhooks", "remove", made["webhook_id"]).stdout.startswith("removed ")
    ask("webhooks", "remove", made["webhook_id"], code=Exit.NOT_FOUND)


def test_what_cannot_be_a_webhook_is_refused_with_its_path(ask):
    refused = ask(
        "webhooks", "add", "http://10.0.0.1/", "--event", "pause_opened", code=Exit.REFUSED
    )
    assert "url: 10.0.0.1 is a private address" in refused.stderr
    ask("webhooks", "add", URL, code=Exit.USAGE)
    ask("webhooks", "add", URL, "--event", "nothing", code=Exit.USAGE)
    ask("webhooks", "add", URL, "--event", "pause_opened", "--header", "X", code=Exit.USAGE)


def test_the_secret_is_shown_and_replaced(ask):
    first = ask("webhooks", "secret").stdout.strip()
    assert first.startswith("whsec_")
    second = answer(ask("webhooks", "secret", "--rotate", "--json"))
    assert second["secret"] != first
    assert answer(ask("webhooks", "secret", "--json")) == second


def test_deliveries_are_listed_and_unknown_ones_are_not_found(ask):
    assert answer(ask("webhooks", "deliveries", "--json"))["next_cursor"] is None
    ask("webhooks", "deliveries", "--status", "failed")
    ask("webhooks", "deliveries", "0" * 32, code=Exit.NOT_FOUND)
    ask("webhooks", "deliveries", "0" * 32, "--status", "FAILED", code=Exit.USAGE)
    ask("webhooks", "redeliver", f"msg_{'0' * 32}_{'0' * 24}", code=Exit.NOT_FOUND)
