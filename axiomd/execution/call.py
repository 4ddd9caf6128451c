"""A node invocation as data, and how it ended. Bytes and strings only.

These types cross the runner seam, so they must make sense on another machine: no objects of
the engine, no callbacks, no clocks.
"""

from collections.abc import Mapping
from typing import Literal

import attrs

Content = bytes | bytearray
"""A message's bytes; as a bytearray nobody changes them, and they were not copied."""


@attrs.frozen
class FilePart:
    """Content in a file of the box that the caller runs on, read in pieces where it is sent."""

    path: str
    size: int
    """In bytes."""


ContentParts = tuple[bytes | FilePart, ...]
"""A large message, to be read one part behind the other."""


@attrs.frozen
class NodeCall:
    """One call of one node's handler."""

    execution_id: str
    graph_id: str
    tenant: str
    placement: str
    """Alias of the placement."""
    position: str
    """Text form of the node visit, `alias` or `alias#2` or `alias[3]`."""
    attempt: int
    """1 for the first call of this visit, counting every redelivery."""
    effect_key: str
    """Stable over all attempts of this visit."""
    digest: str
    """Package content that holds the code."""
    node: str
    """PascalCase name of the node."""
    kind: Literal["unary", "pipeline"]
    input_type: str
    """Full name of the input message."""
    output_type: str
    """Full name of the output message."""
    payload: bytes | ContentParts
    """The input message, serialised; unused for streams, whose inputs are sent."""
    timeout_s: float
    """Seconds until the call is killed; for a stream, seconds of silence."""
    concurrency: int = 1
    """Calls that may share the process."""
    fresh: bool = False
    """Whether the process must have run nothing before."""
    memory_mib: int | None = None
    """Memory the process may take; None for what the box allows."""
    cpu_seconds: int | None = None
    """Processor seconds the call may take; None for no bound but its time."""
    resume_index: int = 0
    """Frames of this visit that are already durable (streams)."""
    config: Mapping[str, str] = attrs.field(factory=dict)
    """What `ax.config` holds."""
    secrets: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """What `ax.secrets` may give out."""
    config_ids: tuple[str, ...] = ()
    """Flow configs whose secrets stand for the tenant's, the first one first."""
    reflection: str = "{}"
    """JSON of `ax.reflection.flow`."""
    package: str = ""
    """`handle/package@version` of the code, for people."""
    span_id: str = ""
    """The span of this call in the trace that is the execution: 16 hex characters."""


FailureKind = Literal[
    "NODE_ERROR",
    "BAD_OUTPUT",
    "TIMEOUT",
    "NODE_CRASHED",
    "OUT_OF_MEMORY",
    "PAYLOAD_TOO_LARGE",
    "LOAD_ERROR",
    "GATE_FAILED",
    "GATE_TIMEOUT",
    "REJECTED",
    "PAUSE_TIMEOUT",
    "SUBFLOW_FAILED",
    "SECRET_MISSING",
]
"""NODE_ERROR the handler raised · BAD_OUTPUT it returned something else than it declared ·
TIMEOUT it was killed at its deadline · NODE_CRASHED its process died by its own doing ·
OUT_OF_MEMORY it reached its memory limit · PAYLOAD_TOO_LARGE its output is over the cap ·
LOAD_ERROR its module or handler cannot be loaded · GATE_FAILED too few arms came · GATE_TIMEOUT
the others did not come in time · REJECTED a person said no · PAUSE_TIMEOUT nobody said anything ·
SUBFLOW_FAILED its child execution failed · SECRET_MISSING a secret that it needs is not set.
"""


@attrs.frozen
class Output:
    """The node returned. For a stream: its generator is exhausted, and `payload` is empty."""

    payload: Content


@attrs.frozen
class Failure:
    """The node's own fault."""

    kind: FailureKind
    message: str
    """One sentence for a person."""
    detail: str = ""
    """Traceback text, if there is one."""
    classes: tuple[str, ...] = ()
    """Names of the exception's class and its bases, for policies that name them."""


@attrs.frozen
class Crashed:
    """The node's process died by its own doing: a signal, an exit, memory."""

    reason: str
    """`SIGSEGV`, `exit 7`."""


@attrs.frozen
class Lost:
    """Infrastructure took the call away; it is safe to deliver it again."""

    reason: str


Outcome = Output | Failure | Crashed | Lost


def describe_end(outcome: Failure | Crashed | Lost) -> str:
    """How a call ended that returned nothing, as a sentence fragment."""
    match outcome:
        case Failure():
            return outcome.message
        case Crashed():
            return f"the node's process ended with {outcome.reason}"
        case Lost():
            return outcome.reason


@attrs.frozen
class NodeEvent:
    """Something a running node said, or that it is one (`STARTED`), or how a cancel ended it."""

    kind: Literal["started", "log", "progress", "stopped"]
    level: str
    """debug, info, warn, error; `stdout` and `stderr` for captured text; empty for progress;
    cooperative or killed for the end."""
    message: str
    attributes: Mapping[str, str] = attrs.field(factory=dict)
    fraction: float | None = None
    """Progress from 0 to 1."""


def parts_size(payload: bytes | ContentParts) -> int:
    """Bytes of an input, wherever they are."""
    if isinstance(payload, bytes):
        return len(payload)
    return sum(part.size if isinstance(part, FilePart) else len(part) for part in payload)


STARTED = NodeEvent("started", "", "")
"""From here on the node may be running; a call that ends before did nothing."""
COOPERATIVE = NodeEvent("stopped", "cooperative", "")
"""The node ended when it was told to."""
KILLED = NodeEvent("stopped", "killed", "")
"""Its process had to be killed."""
