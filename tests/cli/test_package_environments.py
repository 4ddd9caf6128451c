"""Commands on a package with requirements: pip's words are shown, and its failure is theirs."""

import json
from pathlib import Path

import pytest
from cli.conftest import start_server
from worlds.wheels import make_slow_source, make_wheel, repack

TEST = """\
import thing
from gen.axiom_testing import FakeContext
from gen.messages_pb2 import Said
from nodes.tell import tell


def test_the_thing_is_there():
    assert tell(FakeContext(), Said(text="x")).text == "x"
    assert thing.WORD == {word!r}
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheels")
    repack(directory, "protobuf")
    make_wheel(directory, "thing", "1.0", {"thing.py": "WORD = 'thing'\n"})
    make_slow_source(directory, "slow", directory / "told")
    return directory


@pytest.fixture(scope="module")
def offline(tmp_path_factory, wheels):
    """A server whose pip asks nobody."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AXIOMD_ENVIRONMENTS_WHEELS_DIR", str(wheels))
        server = start_server(tmp_path_factory.mktemp("box"))
    yield server
    server.process.terminate()
    assert server.process.wait(10) == 0
    server.process.stdout.close()


@pytest.fixture
def ask(run, offline, monkeypatch, wheels, tmp_path):
    monkeypatch.setenv("AXIOMD_URL", offline.url)
    monkeypatch.setenv("AXIOMD_API_KEY", offline.key)
    monkeypatch.setenv("AXIOMD_ENVIRONMENTS_WHEELS_DIR", str(wheels))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return run


@pytest.fixture
def package(run):
    directory = Path("words")
    run("init", "acme/words", directory)
    run("create", "message", "Said", "text:string", "--dir", directory)
    run("create", "node", "Tell", "--input", "Said", "--output", "Said", "--dir", directory)
    (directory / "nodes/tell.py").write_text("def tell(ax, input):\n    return input\n")
    (directory / "nodes/tell_test.py").write_text(TEST.format(word="thing"))
    return directory


def require(directory, text):
    (directory / "requirements.txt").write_text(text)


def test_push_shows_what_pip_says_and_ends_when_the_environment_is_ready(package, ask):
    require(package, "thing==1.0\n")
    ended = ask("push", package)
    assert "Successfully installed" in ended.stderr
    assert "acme/words@0.1.0 pushed: 1 node" in ended.stdout
    assert " ready" in ended.stdout
    assert json.loads(ask("push", package, "--json").stdout)["environment"]["status"] == "READY"


def test_push_fails_with_the_words_of_pip(package, ask):
    require(package, "thing==3.0\n")
    ended = ask("push", package, code=1)
    assert "could not be built" in ended.stderr
    assert "No matching distribution found for thing==3.0" in ended.stderr
    ended = ask("push", package, "--json", code=1)
    (document,) = ended.stdout.splitlines()
    environment = json.loads(document)["environment"]
    assert environment["status"] == "FAILED"
    assert "No matching distribution found for thing==3.0" in environment["error"]


def test_push_does_not_wait_if_told_so(package, ask, wheels):
    require(package, "slow\n")
    pushed = json.loads(ask("push", package, "--no-wait", "--json").stdout)
    assert pushed["environment"]["status"] == "BUILDING"


def test_requirements_that_are_refused_are_named_as_seen_from_here(package, ask):
    require(package, "thing\n-r more.txt\n")
    for command in ("validate", "push", "test"):
        assert (
            "words/requirements.txt:2: reads another file" in ask(command, package, code=1).stderr
        )


def test_a_packages_tests_run_in_its_own_environment(package, ask, tmp_path):
    require(package, "thing==1.0\n")
    ended = ask("test", package, "--json")
    assert json.loads(ended.stdout)["passed"]
    assert "Successfully installed" in ended.stderr
    (environment,) = (tmp_path / "cache/axiomd/environments").iterdir()
    again = ask("test", package, "--json")
    assert "Successfully installed" not in again.stderr
    assert environment.is_dir()
    (package / "nodes/tell_test.py").write_text(TEST.format(word="other"))
    failed = json.loads(ask("test", package, "--json", code=1).stdout)
    assert "other" in failed["output"]


def test_tests_are_not_run_without_their_environment(package, ask, tmp_path):
    require(package, "thing==3.0\n")
    ended = ask("test", package, code=1)
    assert "No matching distribution found for thing==3.0" in ended.stderr
    assert list((tmp_path / "cache/axiomd/environments").iterdir()) == []
