"""The packages and flows that ship with axiomd, and real input for them.

Owns which examples there are; `axiomd demo` and the tests take them from here. Knows nothing of
how packages are pushed or flows compiled.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

_HERE = Path(__file__).parent


@attrs.frozen
class ExamplePackage:
    """A package directory that ships with axiomd."""

    name: str
    """`handle/package`."""
    directory: Path


@attrs.frozen
class ExampleFlow:
    """A flow source that ships with axiomd."""

    name: str
    """`handle/name`."""
    file: Path
    """The flow as YAML."""
    mode: Literal["unary", "pipeline"]
    about: str
    """What there is to see, in a sentence."""
    extra: Mapping[str, object] = attrs.field(factory=dict)
    """Input fields of the demonstration beside the path."""

    def demo_input(self, file: Path) -> dict[str, object]:
        """The JSON input that runs this flow on `file`."""
        return {"path": str(file.resolve()), **self.extra}


PACKAGES = (
    ExamplePackage("examples/text", _HERE / "packages" / "text"),
    ExamplePackage("examples/images", _HERE / "packages" / "images"),
)

FLOWS = (
    ExampleFlow(
        "examples/log-report",
        _HERE / "flows" / "log-report.yaml",
        "unary",
        "three branches look at a file and meet in a gate that merges what they found",
    ),
    ExampleFlow(
        "examples/word-stream",
        _HERE / "flows" / "word-stream.yaml",
        "pipeline",
        "word statistics arrive as frames while the file is being read",
        {"lines_per_frame": 100},
    ),
    ExampleFlow(
        "examples/thumbnails",
        _HERE / "flows" / "thumbnails.yaml",
        "unary",
        "pictures of a file, with outputs large enough to be stored out of band",
    ),
)


def default_input() -> Path:
    """A real file that every Python brings along: the source of its logging package."""
    return Path(logging.__file__)
