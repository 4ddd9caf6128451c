"""The process that builds one virtual environment; one file that runs by itself.

`python -I builder.py <JSON>` makes an environment beside its place, has pip install into it,
brings it to disk and renames it, so that what stands in its place is always complete. It imports
the standard library only. What it and pip say goes to standard output, a line each.

It lives as long as its standard input is open at the far end: when that closes, by whatever
death, it kills its process group, pip and what pip started included.
"""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import venv
from typing import Any

_PROBE = "import google.protobuf; print('protobuf runtime', google.protobuf.__version__)"


def main(arguments: list[str]) -> int:
    """Build what the JSON in the first argument says; the exit code."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plan = json.loads(arguments[0])
    target, draft = pathlib.Path(plan["target"]), pathlib.Path(plan["draft"])
    python = draft / "bin" / "python"
    _say(f"making an environment of Python {sys.version.split()[0]}")
    try:
        venv.EnvBuilder(symlinks=True, with_pip=False).create(draft)
        code = _install(plan, draft, python) or _probe(python)
        if code == 0:
            _repeat_paths(draft, target)
            _sync(draft)
            _put_in_place(draft, target)
            _say("the environment is ready")
    except OSError as failure:
        _say(f"ERROR: {failure}")
        return 1
    return code


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _install(plan: dict[str, Any], draft: pathlib.Path, python: pathlib.Path) -> int:
    listed = draft / "requirements.txt"
    listed.write_text("".join(f"{line}\n" for line in plan["lines"]), encoding="utf-8")
    pip = [sys.executable, "-I", "-m", "pip", "--python", str(python), "install"]
    fixed = ["--no-input", "--disable-pip-version-check", "--progress-bar", "raw"]
    # What pip is told by a configuration file about where to install does not count here.
    environment = {**os.environ, "PIP_USER": "0", "PYTHONUNBUFFERED": "1"}
    ended = subprocess.run(
        [*pip, *fixed, *plan["options"], "-r", listed.name],
        check=False,
        cwd=draft,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    if ended.returncode < 0:
        _say(f"ERROR: pip was killed by signal {-ended.returncode}")
    return abs(ended.returncode)


def _probe(python: pathlib.Path) -> int:
    """Whether the environment runs, and has what every node's messages need."""
    ended = subprocess.run(
        [str(python), "-I", "-c", _PROBE],
        check=False,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    if ended.returncode:
        _say("ERROR: no protobuf runtime can be imported in this environment")
    return abs(ended.returncode)


def _repeat_paths(draft: pathlib.Path, target: pathlib.Path) -> None:
    """Have scripts and the like name the place in which the environment will stand."""
    before, after = os.fsencode(draft), os.fsencode(target)
    for path in [draft / "pyvenv.cfg", *(draft / "bin").iterdir()]:
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if before in content and b"\0" not in content:
            path.write_bytes(content.replace(before, after))


def _sync(draft: pathlib.Path) -> None:
    """Have the file system that holds `draft` write everything: thousands of files at once."""
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _put_in_place(draft: pathlib.Path, target: pathlib.Path) -> None:
    if (target / "bin" / "python").exists():
        # Somebody else built the same meanwhile, and may be using it.
        shutil.rmtree(draft)
        return
    if target.exists():
        # Its interpreter is gone.
        broken = draft.with_name(f"{draft.name}-old")
        target.rename(broken)
        shutil.rmtree(broken, ignore_errors=True)
    draft.rename(target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
