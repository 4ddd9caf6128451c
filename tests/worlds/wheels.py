"""Wheels and source archives that tests make themselves, for a pip that asks nobody."""

import importlib.metadata
import io
import tarfile
import zipfile
from pathlib import Path

_BACKEND = """\
import os, pathlib, subprocess, sys, time

def build_wheel(directory, config_settings=None, metadata_directory=None):
    told = pathlib.Path({told!r})
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    quiet = {{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}}
    child = subprocess.Popen(sleeper, **quiet) if not told.with_name("go").exists() else None
    if child is not None:
        draft = told.with_name("draft")
        draft.write_text(f"{{os.getpid()}} {{child.pid}}")
        draft.rename(told)
    while not told.with_name("go").exists():
        time.sleep(0.01)
    sys.exit("the backend was told to go on, and breaks")
"""


def make_wheel(directory: Path, name: str, version: str, files: dict[str, str]) -> Path:
    """A wheel of pure Python; `files` by their path in site-packages."""
    info = f"{name}-{version}.dist-info"
    tag = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    described = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": tag,
    }
    content = {path: text.encode() for path, text in {**files, **described}.items()}
    return _pack(directory / f"{name}-{version}-py3-none-any.whl", info, content)


def repack(directory: Path, name: str) -> Path:
    """A wheel of what is installed here."""
    found = importlib.metadata.distribution(name)
    info = f"{name}-{found.version}.dist-info"
    content = {
        str(path): Path(str(found.locate_file(path))).read_bytes()
        for path in found.files or ()
        if ".." not in path.parts and path.suffix != ".pyc" and path.name != "RECORD"
    }
    tag = next(
        line.partition(": ")[2]
        for line in content[f"{info}/WHEEL"].decode().splitlines()
        if line.startswith("Tag: ")
    )
    return _pack(directory / f"{name}-{found.version}-{tag}.whl", info, content)


def _pack(path: Path, info: str, content: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    record = "".join(f"{name},,\n" for name in [*content, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in {**content, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(name, data)
    return path


def make_slow_source(directory: Path, name: str, told: Path) -> Path:
    """A source archive whose building starts a process, tells both pids in the file `told`, and
    goes on once there is a file `go` beside that: then it fails."""
    project = '[build-system]\nrequires = []\nbuild-backend = "slow"\nbackend-path = ["."]\n'
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n"
    texts = {
        "pyproject.toml": project,
        "slow.py": _BACKEND.format(told=str(told)),
        "PKG-INFO": metadata,
    }
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in texts.items():
            entry = tarfile.TarInfo(f"{name}-1/{file}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path
