"""`axiomd secrets` and `axiomd configs`: values come from anywhere but the command line."""

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest

NAMES = ["API_TOKEN", "OTHER"]


def answer(ended):
    return json.loads(ended.stdout)


def words(refusal):
    """What a usage error says, out of its box."""
    return " ".join(refusal.stderr.replace("│", " ").split())


def listed(ask):
    return [row["name"] for row in answer(ask("secrets", "list", "--json"))["secrets"]]


@pytest.fixture(autouse=True)
def nothing_left(ask):
    yield
    for name in listed(ask):
        ask("secrets", "delete", name)
    for view in answer(ask("configs", "list", "--json"))["configs"]:
        ask("configs", "delete", view["config_id"])


def test_a_secret_is_set_from_stdin_a_file_or_a_prompt_and_removed(ask, tmp_path):
    first = ask("secrets", "set", "API_TOKEN", "-", stdin="from stdin\n")
    assert first.stdout.strip() == "set API_TOKEN"
    file = tmp_path / "token.txt"
    file.write_text("from a file\r\n")
    again = answer(ask("secrets", "set", "API_TOKEN", "--file", file, "--json"))
    assert again == {"name": "API_TOKEN", "created": False}
    prompted = ask("secrets", "set", "OTHER", stdin="from a prompt\n")
    assert "from a prompt" not in prompted.output
    assert listed(ask) == NAMES
    shown = ask("secrets", "list").stdout
    assert "API_TOKEN" in shown
    assert "from" not in shown
    assert ask("secrets", "delete", "OTHER").stdout.strip() == "deleted OTHER"
    assert answer(ask("secrets", "delete", "API_TOKEN", "--json")) == {"deleted": "API_TOKEN"}
    assert listed(ask) == []
    ask("secrets", "delete", "OTHER", code=5)


def test_the_prompt_of_a_real_terminal_shows_nothing(server):
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "axiomd", "secrets", "set", "OTHER", "--json"]
    environment = {**os.environ, "AXIOMD_URL": server.url, "AXIOMD_API_KEY": server.key}
    process = subprocess.Popen(
        command,
        stdin=follower,
        stderr=follower,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    shown = b""
    while b"OTHER" not in shown:
        shown += os.read(leader, 1000)
    os.write(leader, b"typed-secret\n")
    assert json.loads(process.stdout.read())["created"] is True
    process.stdout.close()
    assert process.wait(20) == 0
    os.set_blocking(leader, False)
    with contextlib.suppress(OSError):
        shown += os.read(leader, 1000)
    os.close(leader)
    assert b"typed" not in shown


def test_a_value_on_the_command_line_is_refused_and_not_repeated(ask):
    for given in (
        ("secrets", "set", "API_TOKEN", "s3cret-value"),
        ("configs", "set", "--secret", "API_TOKEN=s3cret-value"),
        ("configs", "set", "--secret-file", "s3cret-value"),
    ):
        ended = ask(*given, code=2)
        assert "s3cret" not in ended.output
    assert listed(ask) == []
    ask("secrets", "set", "API_TOKEN", "-", "--file", "x", code=2)


def test_what_cannot_be_a_secret_is_refused_with_what_is_wrong(ask, tmp_path):
    short = ask("secrets", "set", "API_TOKEN", "-", stdin="abc", code=1)
    assert "fewer than 4 characters" in short.stderr
    assert "capital letters" in ask("secrets", "set", "api", "-", stdin="value", code=1).stderr
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in words(ask("secrets", "set", "API", "--file", binary, code=2))
    missing = ask("secrets", "set", "API", "--file", tmp_path / "missing", code=2)
    assert "cannot be read" in words(missing)


def test_a_config_is_made_changed_shown_and_removed(ask, tmp_path):
    file = tmp_path / "token.txt"
    file.write_text("of the profile")
    base = ("configs", "set", "--flow", "acme/f", "--profile", "staging", "--json")
    made = answer(ask(*base, "--timeout", "20", "--secret-file", f"API_TOKEN={file}"))
    assert (made["node_timeout_seconds"], made["secrets"]) == (20, ["API_TOKEN"])
    changed = answer(ask(*base, "--secret", "OTHER", stdin="typed value\n"))
    assert changed["config_id"] == made["config_id"]
    assert (changed["node_timeout_seconds"], changed["secrets"]) == (20, NAMES)
    changed = answer(ask(*base, "--no-timeout", "--unset", "API_TOKEN"))
    assert (changed["node_timeout_seconds"], changed["secrets"]) == (None, ["OTHER"])
    ask(*base, "--unset", "API_TOKEN", code=2)
    ask(*base, "--timeout", "0.5", code=2)
    wide = answer(ask("configs", "set", "--timeout", "9", "--json"))
    assert (wide["flow"], wide["profile"]) == (None, "default")
    rows = answer(ask("configs", "list", "--json"))["configs"]
    assert [row["config_id"] for row in rows] == [wide["config_id"], made["config_id"]]
    only = answer(ask("configs", "list", "--flow", "acme/f", "--json"))["configs"]
    assert [row["config_id"] for row in only] == [made["config_id"]]
    assert "all flows" in ask("configs", "list").stdout
    shown = ask("configs", "show", made["config_id"])
    assert "acme/f" in shown.stdout
    assert f"--config {made['config_id']}" in shown.stderr
    ask("configs", "delete", made["config_id"])
    ask("configs", "show", made["config_id"], code=5)


def test_the_key_is_replaced_beside_the_server(ask, server):
    ask("secrets", "set", "API_TOKEN", "-", stdin="value of it")
    before = (server.data_dir / "secrets.key").read_bytes()
    told = ask("secrets", "rotate-key", "--data-dir", server.data_dir)
    assert "1 value sealed anew" in told.stdout
    assert (server.data_dir / "secrets.key").read_bytes() != before
    again = answer(ask("secrets", "rotate-key", "--data-dir", server.data_dir, "--json"))
    assert (again["resealed"], again["dropped"]) == (1, [])
    ask("secrets", "set", "OTHER", "-", stdin="with the new key")
    acts = answer(ask("audit", "--act", "secrets_key.rotated", "--json"))["acts"]
    assert [(act["subject"], act["by"]) for act in acts] == [("secrets.key", "command line")] * 2
    ask("secrets", "rotate-key", "--data-dir", server.data_dir / "nowhere", code=5)
