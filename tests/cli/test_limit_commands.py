"""Limits and usage with the commands."""

import json

from axiomd.cli.exits import Exit


def answer(ended):
    return json.loads(ended.stdout)


def test_limits_are_shown_set_and_given_back(ask):
    before = answer(ask("limits", "show", "--json"))
    assert before["tenant"] == "default"
    changed = answer(ask("limits", "set", "default", "--executions-max", 500, "--json"))
    assert changed["limits"]["executions_max"] == changed["own"]["executions_max"] == 500
    words = ("--requests-per-s", "99999.5", "--executions-max", "400")
    changed = answer(ask("limits", "set", "default", *words, "--json"))
    assert changed["own"] | {"requests_per_s": 99999.5, "executions_max": 400} == changed["own"]
    assert "400" in ask("limits", "show", "default").stdout
    words = ("--requests-per-s", "default", "--executions-max", "default")
    assert answer(ask("limits", "set", "default", *words, "--json")) == before


def test_limits_that_cannot_be_are_usage_errors_or_refused(ask):
    assert "name a limit to set" in ask("limits", "set", "default", code=Exit.USAGE).stderr
    refused = ask("limits", "set", "default", "--executions-max", "many", code=Exit.USAGE)
    assert "neither a whole number nor" in refused.stderr
    refused = ask("limits", "set", "default", "--executions-max", "-1", code=Exit.REFUSED)
    assert "executions_max: must be from 0" in refused.stderr
    ask("limits", "show", "nobody", code=Exit.NOT_FOUND)


def test_usage_says_what_runs_and_what_was_accepted(ask):
    view = answer(ask("usage", "--json"))
    assert view["tenant"] == "default"
    assert len(view["days"]) == 30
    assert "default: 0 running" in ask("usage").stdout
    ask("usage", "--tenant", "nobody", code=Exit.NOT_FOUND)
