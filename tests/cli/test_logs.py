"""What the server writes to its log: never the values that code had in hand."""

import logging

import pytest
import structlog

from axiomd.cli.exits import Exit
from axiomd.cli.logs import configure_logs
from axiomd.cli.preflight import read_loaded
from axiomd.settings import LogSettings


@pytest.fixture
def as_before():
    root = logging.getLogger()
    kept, handlers, level = structlog.get_config(), root.handlers[:], root.level
    yield
    structlog.configure(**kept)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_logged_failure_shows_no_values(as_before, capsys, form):
    configure_logs(LogSettings(format=form))

    def work(key):
        payload = f"payload of {key}"
        raise RuntimeError(f"broken after {len(payload)} characters")

    try:
        work("k3y" * 5)
    except RuntimeError as failure:
        structlog.get_logger("axiomd.api").error("answered_500", exc_info=failure)
    told = capsys.readouterr().err
    assert "broken after 26 characters" in told
    assert "in work" in told
    # The source line is shown, the value that it made is not.
    assert "k3y" * 5 not in told
    assert len(told.splitlines()) <= (12 if form == "console" else 1)


def test_the_format_of_the_log_is_a_flag(tmp_path, run):
    run("serve", "--log-format", "xml", "--data-dir", tmp_path, code=Exit.USAGE)
    loaded = read_loaded(None, str(tmp_path), None, "json")
    assert loaded.settings.log == LogSettings(format="json")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_what_goes_to_the_collector_as_a_secret_is_shown_by_no_check(
    tmp_path, run, monkeypatch, more
):
    monkeypatch.setenv("AXIOMD_TRACES_HEADERS", "authorization=topsecret")
    words = ("--check", "--data-dir", tmp_path / "d", "--bind", "127.0.0.1:0")
    told = run("serve", *words, *more).output
    assert "topsecret" not in told
    assert "traces.headers" in told
    assert "(set)" in told
