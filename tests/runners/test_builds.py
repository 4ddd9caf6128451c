"""Environments of packages: built once for each lock, whole or absent, with pip's own words."""

import json
import os
import random
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import pytest
import trio
from worlds.wheels import make_slow_source, make_wheel, repack

from axiomd.authoring.requirements import read_requirements
from axiomd.errors import EnvironmentFailed, NotFound
from axiomd.runners import build_process, builder
from axiomd.runners.build_process import BuildLog, Progress, interpreter_in, lock_of
from axiomd.runners.builds import open_environments
from axiomd.runners.environment import PackageCode, PackageFiles, Preparing
from axiomd.settings import EnvironmentSettings


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """A directory with a protobuf runtime and two versions of a project, never changed."""
    directory = tmp_path_factory.mktemp("wheels")
    repack(directory, "protobuf")
    for version in ("1.0", "2.0"):
        text = f"VERSION = {version!r}\n\ndef main():\n    print(VERSION)\n"
        make_wheel(directory, "thing", version, {"thing.py": text, **_script("thing", version)})
    return directory


def _script(name, version):
    return {f"{name}-{version}.dist-info/entry_points.txt": f"[console_scripts]\nsay={name}:main\n"}


@asynccontextmanager
async def open_world(root, wheels, packages, **settings):
    """Environments over packages given as digest to requirements."""
    files = PackageFiles(root / "packages")
    for digest, text in packages.items():
        files.install(digest, {"requirements.txt": text.encode()})
    chosen = EnvironmentSettings(wheels_dir=str(wheels), **settings)
    async with open_environments(root / "environments", files, chosen) as environments:
        yield environments


async def built(environments, digest):
    """How it ended."""
    try:
        environments.code(digest)
    except Preparing as preparing:
        with trio.fail_after(60):
            await preparing.ended()
    except EnvironmentFailed:
        pass
    return environments.state(digest)


def ask(code, expression):
    """What an environment's Python says."""
    said = subprocess.run(
        [code.interpreter, "-I", "-c", f"import thing; print({expression})"],
        stdout=subprocess.PIPE,
        check=True,
    )
    return said.stdout.decode().strip()


def directories(root):
    return {path.name for path in (root / "environments").iterdir() if path.is_dir()}


async def test_packages_of_one_lock_share_one_environment(tmp_path, wheels):
    packages = {"a": "thing==1.0\n", "b": "# the same\nthing==1.0", "c": "thing==2.0\n"}
    async with open_world(tmp_path, wheels, packages) as environments:
        states = {digest: environments.want(digest) for digest in packages}
        assert {state.status for state in states.values()} == {"BUILDING"}
        assert states["a"] == states["b"] != states["c"]
        for digest in packages:
            assert (await built(environments, digest)).status == "READY"
        codes = {digest: environments.code(digest) for digest in packages}
        assert codes["a"].interpreter == codes["b"].interpreter != codes["c"].interpreter
        assert [ask(codes[digest], "thing.VERSION") for digest in "abc"] == ["1.0", "1.0", "2.0"]
        assert codes["a"].directory.name == "a"
        assert directories(tmp_path) == {states["a"].lock, states["c"].lock}


async def test_a_package_without_requirements_runs_in_our_interpreter(tmp_path, wheels):
    async with open_world(tmp_path, wheels, {"a": "# none\n"}) as environments:
        assert environments.want("a").status == environments.state("a").status == "NONE"
        assert environments.code("a").interpreter == sys.executable
        with pytest.raises(NotFound):
            environments.code("absent")
        assert environments.state("absent").status == "FAILED"


async def test_an_environment_outlives_axiomd_and_its_scripts_stand_in_their_place(
    tmp_path, wheels
):
    async with open_world(tmp_path, wheels, {"a": "thing==1.0\n"}) as environments:
        lock = environments.want("a").lock
        said = environments.running(lock).said
        assert (await built(environments, "a")).status == "READY"
        assert environments.kept_log(lock).text() == said.text() != ""
    async with open_world(tmp_path, wheels, {"a": "thing==1.0\n"}) as environments:
        assert environments.state("a").status == "READY"
        assert environments.want("a").status == "READY"
        assert environments.running(lock) is None
        assert "Successfully installed" in environments.kept_log(lock).text()
        code = environments.code("a")
        assert ask(code, "thing.VERSION") == "1.0"
        script = Path(code.interpreter).with_name("say")
        assert subprocess.run([script], stdout=subprocess.PIPE, check=True).stdout == b"1.0\n"


async def test_a_failure_has_the_words_of_pip_and_is_not_tried_again_unasked(tmp_path, wheels):
    own = tmp_path / "wheels"
    repack(own, "protobuf")
    async with open_world(tmp_path, own, {"a": "thing==3.0\n"}) as environments:
        state = await built(environments, "a")
        assert state.status == "FAILED"
        assert "No matching distribution found for thing==3.0" in state.error
        for _ in range(3):
            with pytest.raises(EnvironmentFailed, match="No matching distribution"):
                environments.code("a")
        assert environments.want("a") == state
        assert environments.running(state.lock) is None
        assert directories(tmp_path) == set()
        make_wheel(own, "thing", "3.0", {"thing.py": ""})
        assert environments.want("a", again=True).status == "BUILDING"
        assert (await built(environments, "a")).status == "READY"


async def test_requirements_that_pip_cannot_read_fail_with_its_words(tmp_path, wheels):
    packages = {"a": "no such thing at all\n", "b": "thing===\n", "c": "--only-binary\n"}
    async with open_world(tmp_path, wheels, packages) as environments:
        for digest in packages:
            state = await built(environments, digest)
            assert state.status == "FAILED"
            assert "ERROR: " in state.error or "error: " in state.error, state.error


async def test_an_environment_without_a_usable_protobuf_fails_and_says_so(tmp_path, wheels):
    own = tmp_path / "wheels"
    make_wheel(own, "protobuf", "4.0", {"unrelated.py": ""})
    async with open_world(tmp_path, own, {"a": "protobuf\n"}) as environments:
        state = await built(environments, "a")
        assert state.status == "FAILED"
        assert "no protobuf runtime" in state.error


async def test_an_environment_that_has_vanished_is_built_again(tmp_path, wheels):
    async with open_world(tmp_path, wheels, {"a": "thing==1.0\n"}) as environments:
        lock = (await built(environments, "a")).lock
        subprocess.run(["rm", "-r", tmp_path / "environments" / lock], check=True)
        assert environments.state("a").status == "BUILDING"
        assert (await built(environments, "a")).status == "READY"
        assert ask(environments.code("a"), "thing.VERSION") == "1.0"


async def test_an_environment_whose_interpreter_is_gone_is_built_again(tmp_path, wheels):
    async with open_world(tmp_path, wheels, {"a": "thing==1.0\n"}) as environments:
        lock = (await built(environments, "a")).lock
        python = interpreter_in(tmp_path / "environments" / lock)
        for path in python.parent.glob("python*"):
            path.unlink()
        python.symlink_to("/nowhere/python")
        assert (await built(environments, "a")).status == "READY"
        assert ask(environments.code("a"), "thing.VERSION") == "1.0"
        assert directories(tmp_path) == {lock}


async def test_a_build_that_takes_too_long_is_killed_and_fails(tmp_path, wheels):
    told = tmp_path / "told"
    repack(tmp_path / "wheels", "protobuf")
    make_slow_source(tmp_path / "wheels", "slow", told)
    packages = {"a": "slow\n"}
    async with open_world(
        tmp_path, tmp_path / "wheels", packages, build_timeout_s=2
    ) as environments:
        state = await built(environments, "a")
        assert (state.status, state.error) == ("FAILED", "it was not built within 2 s")
        assert directories(tmp_path) == set()
        await all_dead(told)


async def test_leaving_kills_pip_and_what_it_started(tmp_path, wheels):
    told = tmp_path / "told"
    repack(tmp_path / "wheels", "protobuf")
    make_slow_source(tmp_path / "wheels", "slow", told)
    async with open_world(tmp_path, tmp_path / "wheels", {"a": "slow\n"}) as environments:
        lock = environments.want("a").lock
        with trio.fail_after(30):
            while not told.exists():
                await trio.sleep(0.01)
        assert len(alive(told)) == 2
        # The words come as they are said, not at the end.
        assert "Processing" in environments.running(lock).said.text()
        began = trio.current_time()
    assert trio.current_time() - began < 1
    await all_dead(told)
    assert not (tmp_path / "environments" / lock).exists()
    build_process.remove_drafts(tmp_path / "environments")
    assert directories(tmp_path) == set()


async def all_dead(told):
    """Return once the processes of a build are dead; they were killed already."""
    with trio.fail_after(1):
        while told.exists() and alive(told):
            await trio.sleep(0.005)


def alive(told):
    """The processes of a build that run; zombies do not."""
    pids = [int(text) for text in told.read_text().split()]
    return [pid for pid in pids if process_state(pid) not in "ZX"]


def process_state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


async def test_few_builds_run_at_a_time(tmp_path, wheels):
    own = tmp_path / "wheels"
    repack(own, "protobuf")
    for name in ("one", "two", "three"):
        make_slow_source(own, f"slow{name}", tmp_path / name / "told")
        (tmp_path / name).mkdir()
    packages = {name: f"slow{name}\n" for name in ("one", "two", "three")}
    async with open_world(tmp_path, own, packages) as environments:
        for digest in packages:
            environments.want(digest)
        # Which two go first is not said.
        began = await told_by(tmp_path, packages, 2)
        (waits,) = set(packages) - began
        waiting = environments.running(environments.state(waits).lock)
        assert (waiting.status, waiting.said.count) == ("BUILDING", 0)
        first = min(began)
        (tmp_path / first / "go").touch()
        assert "told to go on, and breaks" in (await built(environments, first)).error
        await told_by(tmp_path, packages, 3)


async def told_by(root, names, count):
    """The slow builds that have begun, once there are so many."""
    with trio.fail_after(30):
        while len(begun := {name for name in names if (root / name / "told").exists()}) < count:
            await trio.sleep(0.01)
    return begun


@pytest.mark.parametrize("seed", range(2))
def test_a_builder_killed_at_any_moment_leaves_no_half_environment(tmp_path, wheels, seed):
    """Until the environment stands: what is in its place runs, whenever the builder dies."""
    dice = random.Random(seed)
    requirements, _ = read_requirements({"requirements.txt": b"thing==1.0\n"})
    settings = EnvironmentSettings(wheels_dir=str(wheels))
    target = tmp_path / lock_of(requirements)
    patience_s = 0.05
    while not target.exists():
        draft = tmp_path / f"{build_process.DRAFT}{target.name}"
        build_process.remove_drafts(tmp_path)
        with build_process.start(target, draft, requirements, settings) as popen:
            # Even the builder alone: the group is killed by whoever notices its death.
            with suppress(subprocess.TimeoutExpired):
                popen.wait(patience_s * dice.uniform(0.5, 1.5))
            popen.kill()
            build_process.kill_group(popen)
        patience_s *= 1.3
    assert_runs(interpreter_in(target))


def assert_runs(python):
    code = PackageCode(Path(), str(python))
    assert ask(code, "__import__('google.protobuf') and thing.VERSION") == "1.0"


class Killed(BaseException):
    """The builder dies here: nothing of it runs any more."""


@attrs.define
class Steps:
    """The builder's steps in this process, with a death before or after one of them."""

    target: Path
    draft: Path
    death: int = -1
    done: list[str] = attrs.field(factory=list)

    def run(self, monkeypatch) -> bool:
        """Build until the death, if any; whether it came to its end."""
        with monkeypatch.context() as patched:
            patched.setattr(builder, "_end_with_parent", lambda: None)
            patched.setattr(builder, "_probe", lambda _: 0)
            patched.setattr(builder, "_install", self._install)
            for owner, name in (
                (builder.venv.EnvBuilder, "create"),
                (builder, "_install"),
                (builder, "_repeat_paths"),
                (builder, "_sync"),
                (Path, "rename"),
                (os, "fsync"),
            ):
                patched.setattr(owner, name, self._step(name, getattr(owner, name)))
            plan = {
                "target": str(self.target),
                "draft": str(self.draft),
                "lines": [],
                "options": [],
            }
            try:
                return builder.main([json.dumps(plan)]) == 0
            except Killed:
                return False

    def _install(self, plan, draft, python):
        (draft / "installed").write_text(str(draft))
        return 0

    def _step(self, name, step):
        def call(*arguments, **more):
            self._moment(f"before {name}")
            result = step(*arguments, **more)
            self._moment(f"after {name}")
            return result

        return call

    def _moment(self, name):
        if len(self.done) == self.death:
            raise Killed
        self.done.append(name)


@pytest.mark.parametrize("left", ["nothing", "an interpreter that is gone"])
def test_a_builder_that_dies_at_any_step_leaves_a_whole_environment_or_none(
    tmp_path, monkeypatch, left
):
    moments = 1
    death = 0
    while death < moments:
        root = tmp_path / str(death)
        target, draft = root / "lock", root / f"{build_process.DRAFT}lock"
        root.mkdir()
        if left != "nothing":
            (target / "bin").mkdir(parents=True)
            (target / "bin/python").symlink_to("/nowhere/python")
        steps = Steps(target, draft, death)
        assert not steps.run(monkeypatch)
        stands = interpreter_in(target).exists()
        if stands:
            assert "after _sync" in steps.done
            assert (target / "installed").exists()
        build_process.remove_drafts(root)
        again = Steps(target, draft)
        assert again.run(monkeypatch)
        assert (target / "installed").exists()
        build_process.remove_drafts(root)
        assert [path.name for path in root.iterdir()] == ["lock"]
        moments = max(moments, len(steps.done) + 1, len(again.done))
        death += 1
    assert moments >= 12


def test_everything_is_on_disk_before_the_environment_stands_in_its_place(tmp_path, monkeypatch):
    steps = Steps(tmp_path / "lock", tmp_path / ".new-lock")
    assert steps.run(monkeypatch)
    order = [step.split()[1] for step in steps.done if step.startswith("after")]
    assert order == ["create", "_install", "_repeat_paths", "_sync", "rename", "fsync"]
    assert str(tmp_path / "lock") in (tmp_path / "lock/pyvenv.cfg").read_text()


def test_pip_sees_its_own_variables_and_no_credentials_of_axiomd(monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example.org")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("AXIOMD_API_KEY", "secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    seen = build_process.variables()
    assert seen["PIP_INDEX_URL"] == "https://index.example.org"
    assert "PIP_TARGET" not in seen
    assert "secret" not in seen.values()


@pytest.mark.parametrize(
    ("index", "expected"),
    [(False, ["--find-links", "/w", "--no-index"]), (True, ["--find-links", "/w"])],
)
def test_a_wheel_directory_stands_for_the_index_unless_that_is_wanted_too(index, expected):
    requirements, _ = read_requirements({"requirements.txt": b"six\n"})
    settings = EnvironmentSettings(wheels_dir="/w", index=index)
    plan = build_process.command(Path("/t"), Path("/d"), requirements, settings)[-1]
    assert json.loads(plan)["options"] == expected


def test_a_log_is_cut_into_lines_and_bounded():
    log = BuildLog()
    for piece in (b"one\r\ntw", b"o\nProgress 5 of ", b"10\n", b"x" * 10_000):
        log.feed(piece)
    assert log.progress == Progress(5, 10)
    log.end()
    assert log.progress is None
    assert [line.text[:5] for line in log.after(0)] == ["one", "two", "xxxxx"]
    assert len(log.after(2)[0].text) == 4096
    log.feed(b"more\n" * 5_000)
    assert (log.count, len(log.after(0)), log.after(0)[-1].seq) == (5_003, 2_000, 5_002)


def test_the_words_of_an_error_begin_where_pip_begins_to_complain():
    log = BuildLog(("Collecting x", "  error: subprocess-exited-with-error", "  - no", "ERROR: y"))
    assert log.error_words() == "error: subprocess-exited-with-error\n  - no\nERROR: y"
    assert BuildLog(("Killed",)).error_words() == "Killed"
