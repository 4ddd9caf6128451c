"""The only door to the proto compiler: proto text in, descriptors and type stubs out.

Owns the compiler's subprocess and the reading of its complaints. Promises that what it returns
is proto3, complete (every import inside, each file after those it needs, the package's own file
last), and of its source holds what comments say, without positions. Blocks: callers on an event
loop hop to a thread.
"""

import errno
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from axiomd.errors import Invalid, Problem, StoreFull
from axiomd.flow.comments import keep_comments
from axiomd.flow.package import PROTO_FILE
from axiomd.limits import DOCUMENT_BYTES_MAX, PROBLEMS_MAX

PROTOC_S_MAX = 30.0
"""Seconds the compiler may take."""

_NO_ROOM = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_STUB_FILE = "messages/messages_pb2.pyi"
_COMPLAINT = re.compile(r"(?P<file>[^\s:]+\.proto):(?:(?P<line>\d+):\d+:)? (?P<message>.+)")
_TITLE = "the messages do not compile"


@attrs.frozen
class CompiledProtos:
    """What became of a package's messages."""

    descriptor_set: bytes = attrs.field(repr=False)
    """A FileDescriptorSet: imports first, the package's own file last."""
    pyi: str = attrs.field(repr=False)
    """Type stub of the generated module."""


def compile_protos(own: bytes, imports: Mapping[str, bytes] | None = None) -> CompiledProtos:
    """`own` (the content of messages.proto), compiled, or Invalid with every problem.

    Raises StoreFull when there is no room for the compiler's files.

    imports: the proto files of other packages, all that are reached, under the path that an
    import statement gives them: `handle/package/messages.proto`.
    """
    files = {**(imports or {}), PROTO_FILE: own}
    problems = [found for path, text in files.items() for found in _unreadable(path, text)]
    if problems:
        raise Invalid(_TITLE, problems=problems)
    _require_temporary_directory()
    try:
        with tempfile.TemporaryDirectory(prefix="axiomd-proto-") as temporary:
            compiled = _run_protoc(Path(temporary), files)
    except OSError as failure:
        if failure.errno in _NO_ROOM:
            raise StoreFull(f"There is no room to compile the messages: {failure}") from failure
        raise
    own_file = FileDescriptorSet.FromString(compiled.descriptor_set).file[-1]
    assert own_file.name == PROTO_FILE
    if own_file.syntax != "proto3":
        message = 'must begin with `syntax = "proto3";`'
        raise Invalid(_TITLE, problems=[Problem("", message, PROTO_FILE, 1)])
    return compiled


def _require_temporary_directory() -> None:
    """Python's first look for one writes a file, and calls every full disk no directory."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError as failure:
        raise StoreFull(f"There is no room to compile the messages: {failure}") from failure


def _unreadable(path: str, text: bytes) -> Iterator[Problem]:
    if len(text) > DOCUMENT_BYTES_MAX:
        yield Problem("", f"is larger than {DOCUMENT_BYTES_MAX} bytes", path)
        return
    try:
        text.decode()
    except UnicodeDecodeError as failure:
        yield Problem("", "is not UTF-8 text", path, 1 + text.count(b"\n", 0, failure.start))


def _run_protoc(root: Path, files: Mapping[str, bytes]) -> CompiledProtos:
    for path, text in files.items():
        assert ".." not in path
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text)
    arguments = ["-I.", "--include_imports", "--include_source_info"]
    arguments += ["--descriptor_set_out=set.bin", "--pyi_out=."]
    # -P: the directory that is being compiled must not be able to shadow a module.
    command = [sys.executable, "-P", "-m", "grpc_tools.protoc", *arguments, PROTO_FILE]
    try:
        ended = subprocess.run(
            command, cwd=root, capture_output=True, timeout=PROTOC_S_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"the compiler took longer than {PROTOC_S_MAX:.0f} seconds"
        raise Invalid(_TITLE, problems=[Problem("", message, PROTO_FILE)]) from None
    if ended.returncode != 0:
        for number in _NO_ROOM:
            if os.strerror(number) in ended.stderr.decode("utf-8", "replace"):
                raise OSError(number, os.strerror(number))
        raise Invalid(_TITLE, problems=_complaints(ended))
    stub = root / _STUB_FILE
    return CompiledProtos(
        keep_comments((root / "set.bin").read_bytes()),
        stub.read_text(encoding="utf-8") if stub.exists() else "",
    )


def _complaints(ended: subprocess.CompletedProcess[bytes]) -> list[Problem]:
    """The compiler's words as problems; its warnings are not among them."""
    said = ended.stderr.decode("utf-8", "replace")
    found = [match for line in said.splitlines() if (match := _COMPLAINT.fullmatch(line.strip()))]
    problems = [
        Problem("", match["message"], match["file"], int(match["line"]) if match["line"] else None)
        for match in found
        if not match["message"].startswith("warning:")
    ]
    if not problems:
        last = said.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        problems = [Problem("", f"the compiler failed: {last[0]}", PROTO_FILE)]
    return problems[:PROBLEMS_MAX]
