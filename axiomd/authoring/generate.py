"""The `gen/` directory of a package: what its nodes import from axiomd.

Owns the generated files. Promises that they depend on the compiled messages alone, and that they
work with any protobuf runtime from 3.20 on: the message classes are built at import from the
embedded descriptors, because code of a newer proto compiler refuses an older runtime.
"""

import base64
import textwrap
from collections.abc import Mapping
from pathlib import Path

from axiomd.authoring.protoc import CompiledProtos
from axiomd.flow.comments import without_comments

_TEMPLATES = Path(__file__).parent / "templates"
_COLUMNS = 96
_STUB_END = '''
def message_class(full_name: str) -> type[_message.Message]:
    """The class of the message with this full name, imported messages included."""
'''


def generate(compiled: CompiledProtos) -> dict[str, bytes]:
    """The generated files by their path in the package."""
    encoded = base64.b64encode(without_comments(compiled.descriptor_set)).decode()
    embedded = "\n".join(textwrap.wrap(encoded, _COLUMNS))
    messages = _template("messages_pb2").replace("@@DESCRIPTOR_SET@@", embedded)
    return {
        "gen/__init__.py": b"",
        "gen/messages_pb2.py": messages.encode(),
        "gen/messages_pb2.pyi": _stub(compiled.pyi).encode(),
        "gen/axiom_context.py": _template("axiom_context").encode(),
        "gen/axiom_testing.py": _template("axiom_testing").encode(),
    }


def _template(name: str) -> str:
    return (_TEMPLATES / f"{name}.txt").read_text(encoding="utf-8")


def _stub(pyi: str) -> str:
    """The compiler's stub, and the one function the generated module has beside the messages."""
    needed = "from google.protobuf import message as _message\n"
    return (pyi if needed in pyi else needed + pyi) + _STUB_END


def write_generated(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write `files` below `directory`, leaving alone those that are the same already."""
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != content:
            target.write_bytes(content)
