"""A real server for the commands to talk to, and the commands in this process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from axiomd.cli.main import cli


@pytest.fixture(autouse=True)
def own_home(monkeypatch, tmp_path):
    """No command reads this user's login or data, or a variable from outside."""
    for name in [name for name in os.environ if name.startswith("AXIOMD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)


def start_server(directory: Path, bind: str = "127.0.0.1:0") -> SimpleNamespace:
    """`axiomd serve` as a process that answers."""
    command = [sys.executable, "-m", "axiomd", "serve", "--json"]
    process = subprocess.Popen(
        [*command, "--data-dir", str(directory), "--bind", bind],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    started = json.loads(process.stdout.readline())
    return SimpleNamespace(
        process=process,
        url=started["url"],
        key=started["api_key"],
        sign_in=started["sign_in"],
        data_dir=directory,
    )


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    found = start_server(tmp_path_factory.mktemp("box"))
    yield found
    found.process.terminate()
    assert found.process.wait(10) == 0
    found.process.stdout.close()


@pytest.fixture
def run():
    """A command in this process: `run("push", "dir", code=0)`."""

    def run_command(*words, code=0, stdin=None):
        ended = CliRunner().invoke(cli, [str(word) for word in words], input=stdin)
        assert ended.exit_code == code, (words, ended.output, ended.exception)
        return ended

    return run_command


@pytest.fixture
def ask(run, server, monkeypatch):
    """A command for the session's server."""
    monkeypatch.setenv("AXIOMD_URL", server.url)
    monkeypatch.setenv("AXIOMD_API_KEY", server.key)
    return run
