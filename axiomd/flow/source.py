"""What a person writes or draws: the flow document, as YAML or JSON, strictly read.

Owns the keys of `flow.yaml`, the form of names and the bounds of numbers and texts. Whether the
flow makes sense is `axiomd.flow.compile`'s business: a draft that does not compile yet can still
be read, stored and drawn.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import attrs

from axiomd.errors import Invalid, Problem
from axiomd.flow.document import read_yaml
from axiomd.flow.package import NAME_CHARS_MAX, NODE_NAME, PACKAGE_NAME, VERSION
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import (
    EDGES_MAX,
    EXPRESSION_CHARS_MAX,
    ITERATIONS_MAX,
    JSON_DEPTH_MAX,
    PAUSE_PAYLOAD_BYTES_MAX,
    PLACEMENTS_MAX,
    PROBLEMS_MAX,
)
from axiomd.strict import Lines, in_documents, join, key_of, locate, structure

FLOW_NAME = PACKAGE_NAME
ALIAS = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]*")
ALIAS_CHARS_MAX = 64
"""Aliases name checkpoints, spans and metrics."""
TIMEOUT_S = (1, 3_600)
ATTEMPTS = (1, 10_000)
INTERVAL_MS = (0, 30 * 24 * 3_600_000)
"""A pause may last as long as an execution is kept."""
COEFFICIENT = (1, 1_000)
MEMORY_MIB = (32, 1_048_576)
"""A node process has 15 MiB before it loads anything of its own."""
CPU_SECONDS = (1, 86_400)
WAIT_S = (0.1, 366 * 24 * 3_600)
"""What a gate waits for its arms, and a pause for a person."""
QUORUM = (1, EDGES_MAX)
PARALLEL = (1, 1_000_000)
ITERATIONS = (1, ITERATIONS_MAX)
CEL_OP = "CEL"
"""The `op` of a condition that is a CEL expression."""
FIELD_PATH = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*")
INT64 = range(-(2**63), 2**64)
"""Whole numbers that a field can hold."""


@attrs.frozen
class PositionSource:
    """Where a placement is drawn: in pixels, or by column and row."""

    x: float | None = None
    y: float | None = None
    col: float | None = None
    row: float | None = None


@attrs.frozen
class JoinSource:
    """How a gate waits for its arms."""

    kind: Literal["AND", "XOR"] = "AND"
    failure_policy: Literal["FAIL_FAST", "TOLERATE_FAILURES"] = "FAIL_FAST"
    quorum: int | None = None
    timeout_seconds: float | None = None
    timeout_policy: Literal["FAIL", "PROCEED"] | None = None


@attrs.frozen
class RetrySource:
    """How often, and how long apart, a node is tried that fails."""

    max_attempts: int
    """Calls in all, the first one included."""
    initial_interval_ms: float = 1_000.0
    """Before the second call."""
    backoff_coefficient: float = 2.0
    """How much longer each further pause is than the one before."""
    max_interval_ms: float = 60_000.0
    """What no pause exceeds."""
    jitter: object = None
    """Share of a pause, from 0 to 1, that is left to chance; true is a quarter."""
    non_retryable: tuple[str, ...] = ()
    """Exception classes (their subclasses too) and failure kinds that are final."""


@attrs.frozen
class ComposeSource:
    """Where one field of a gate's input comes from: an arm's field, or a CEL expression."""

    src: str | None = None
    """Alias of the arm."""
    path: str | None = None
    """Field of its message, dotted; the whole message if it is absent."""
    cel: str | None = None
    """Over `inputs.<alias>`."""


@attrs.frozen
class FanOutSource:
    """One visit for each item of a repeated field."""

    items: str
    """CEL over what arrives, which is called `value`: `value.items`."""
    max_parallel: int | None = None


@attrs.frozen
class HitlSource:
    """A person is asked before the node runs."""

    interrupt_payload: object = None
    """What the person is shown beside the input: any JSON."""
    timeout_seconds: float | None = None
    timeout_policy: Literal["CANCEL", "FAIL", "CONTINUE"] | None = None
    """What becomes of the flow then; FAIL if it is absent."""


@attrs.frozen
class CompensateSource:
    """The node that undoes what this one has done."""

    node: str
    package: str | None = None
    """`handle/package@version`; the placement's own if it is absent."""
    input: Mapping[str, str] | None = None
    """Field to CEL over `input` and `output`; absent: the output as it is."""


@attrs.frozen
class LimitsSource:
    """What a placement's node process may use."""

    memory_mib: int | None = None
    cpu_seconds: int | None = None


@attrs.frozen
class ConfigSource:
    """How one placement runs."""

    timeout_seconds: float | None = None
    join: JoinSource | None = None
    retry: RetrySource | None = None
    compose: Mapping[str, ComposeSource] | None = None
    fan_out: FanOutSource | None = None
    hitl: HitlSource | None = None
    compensate: CompensateSource | None = None
    once: bool | None = None
    runner: str | None = None
    limits: LimitsSource | None = None
    fresh: bool | None = None


@attrs.frozen
class NodeSource:
    """One placement: a node of a package, or another flow's artifact."""

    alias: str
    """The canvas ID."""
    package: str | None = None
    """`handle/package@version`."""
    node: str | None = None
    """Name of the node in its package."""
    subflow: str | None = None
    """ID of an artifact to run as a child."""
    position: PositionSource | None = None
    config: ConfigSource = ConfigSource()


@attrs.frozen
class ConditionSource:
    """When an edge fires: a comparison of one field, or a CEL expression."""

    op: str
    field: str | None = None
    value: object = None
    cel: str | None = None


@attrs.frozen
class EdgeSource:
    """One connection, by alias."""

    source: str = attrs.field(metadata={"key": "from"})
    destination: str = attrs.field(metadata={"key": "to"})
    adapter: Mapping[str, str] | None = None
    """Field of the destination to CEL over the source's message."""
    condition: ConditionSource | None = None
    loop: bool | None = None
    max_iterations: int | None = None
    on_error: bool | None = None


@attrs.frozen
class FlowSource:
    """A flow as authored."""

    name: str
    """`handle/name`."""
    description: str = ""
    pipeline_mode: bool | None = None
    """None: a pipeline if any node of it is one."""
    nodes: tuple[NodeSource, ...] = ()
    edges: tuple[EdgeSource, ...] = ()
    file: str | None = attrs.field(default=None, eq=False, metadata={"document": False})
    """The file it was read from, for problems."""
    lines: Lines | None = attrs.field(
        default=None, eq=False, repr=False, metadata={"document": False}
    )
    """Path of each value to its line in `file`."""


def read_flow_yaml(text: str | bytes, *, file: str = "flow.yaml") -> FlowSource:
    """The flow in `text`, or Malformed, TooLarge or Invalid with file and line of every problem."""
    document = read_yaml(text, file=file)
    return _read(document.value, file, document.lines)


def read_flow_json(value: object) -> FlowSource:
    """The flow in a JSON value, or Invalid with every problem."""
    return _read(value, None, None)


def _read(value: object, file: str | None, lines: Lines | None) -> FlowSource:
    source = None
    problems: list[Problem] = []
    try:
        source = structure(value, FlowSource, file=file, lines=lines)
    except Invalid as failure:
        problems += failure.problems
    else:
        problems += [locate(found, file, lines) for found in _rule_problems(source)]
    if problems or source is None:
        raise Invalid(f"{file or 'the flow'} is not a valid flow", problems=problems[:PROBLEMS_MAX])
    return attrs.evolve(source, file=file, lines=lines)


def _rule_problems(source: FlowSource) -> Iterator[Problem]:
    yield from _pattern("name", source.name, FLOW_NAME, "handle/name, such as acme/order-intake")
    if not _is_unicode(source.description):
        yield Problem("description", "holds half of a surrogate pair, which is not Unicode text")
    if len(source.nodes) > PLACEMENTS_MAX:
        yield Problem("nodes", f"has {len(source.nodes)} entries, more than {PLACEMENTS_MAX}")
    if len(source.edges) > EDGES_MAX:
        yield Problem("edges", f"has {len(source.edges)} entries, more than {EDGES_MAX}")
    for index, node in enumerate(source.nodes):
        yield from _node_problems(join("nodes", index), node)
    for index, edge in enumerate(source.edges):
        yield from _edge_problems(join("edges", index), edge)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _node_problems(path: str, node: NodeSource) -> Iterator[Problem]:
    yield from _pattern(
        join(path, "alias"),
        node.alias,
        ALIAS,
        f"a letter, then letters, digits, '-' and '_', at most {ALIAS_CHARS_MAX} in all",
        ALIAS_CHARS_MAX,
    )
    if node.subflow is not None:
        yield from _pattern(join(path, "subflow"), node.subflow, ARTIFACT_ID, "an artifact ID")
        if node.node is not None or node.package is not None:
            yield Problem(path, "is either a node of a package or a subflow, not both")
    elif node.package is None or node.node is None:
        yield Problem(path, "needs a package and a node of it, or a subflow")
    if node.package is not None:
        yield from _ref_problems(join(path, "package"), node.package)
    if node.node is not None:
        expected = "the PascalCase name of a node"
        yield from _pattern(join(path, "node"), node.node, NODE_NAME, expected)
    yield from _position_problems(join(path, "position"), node.position)
    yield from _config_problems(join(path, "config"), node.config)


def _config_problems(path: str, config: ConfigSource) -> Iterator[Problem]:
    yield from _bounds(join(path, "timeout_seconds"), config.timeout_seconds, *TIMEOUT_S)
    if config.limits is not None:
        limits = join(path, "limits")
        yield from _bounds(join(limits, "memory_mib"), config.limits.memory_mib, *MEMORY_MIB)
        yield from _bounds(join(limits, "cpu_seconds"), config.limits.cpu_seconds, *CPU_SECONDS)
    if config.retry is not None:
        yield from _retry_problems(join(path, "retry"), config.retry)
    if config.join is not None:
        gate = join(path, "join")
        yield from _bounds(join(gate, "quorum"), config.join.quorum, *QUORUM)
        yield from _bounds(join(gate, "timeout_seconds"), config.join.timeout_seconds, *WAIT_S)
    for field, part in (config.compose or {}).items():
        yield from _compose_problems(join(join(path, "compose"), field), part)
    if config.fan_out is not None:
        fan = join(path, "fan_out")
        yield from _text_problems(join(fan, "items"), config.fan_out.items)
        yield from _bounds(join(fan, "max_parallel"), config.fan_out.max_parallel, *PARALLEL)
    if config.hitl is not None:
        yield from _hitl_problems(join(path, "hitl"), config.hitl)
    if config.compensate is not None:
        yield from _compensate_problems(join(path, "compensate"), config.compensate)


def _compose_problems(path: str, part: ComposeSource) -> Iterator[Problem]:
    if (part.src is None) == (part.cel is None):
        yield Problem(path, "must be {src, path}, a field of an arm, or {cel}, an expression")
    elif part.cel is not None and part.path is not None:
        yield Problem(join(path, "path"), "belongs to src; an expression names its fields itself")
    if part.src is not None:
        expected = "the alias of an arm"
        yield from _pattern(join(path, "src"), part.src, ALIAS, expected, ALIAS_CHARS_MAX)
    if part.path is not None:
        expected = "the name of a field, dotted for one inside of another"
        yield from _pattern(join(path, "path"), part.path, FIELD_PATH, expected)
    if part.cel is not None:
        yield from _text_problems(join(path, "cel"), part.cel)


def _hitl_problems(path: str, hitl: HitlSource) -> Iterator[Problem]:
    yield from _bounds(join(path, "timeout_seconds"), hitl.timeout_seconds, *WAIT_S)
    payload = join(path, "interrupt_payload")
    if _is_deeper(hitl.interrupt_payload, JSON_DEPTH_MAX):
        yield Problem(payload, f"is nested deeper than {JSON_DEPTH_MAX} levels")
        return
    try:
        size = len(payload_text(hitl.interrupt_payload).encode())
    except ValueError as failure:
        # Half of a surrogate pair, a number that is none, or one with too many digits.
        yield Problem(payload, f"is not JSON: {failure}")
    else:
        if size > PAUSE_PAYLOAD_BYTES_MAX:
            said = f"has {size} bytes as JSON, more than {PAUSE_PAYLOAD_BYTES_MAX}"
            yield Problem(payload, said)


def _is_deeper(value: object, levels: int) -> bool:
    layer: list[Any] = [value]
    for _ in range(levels):
        held = [one.values() if isinstance(one, dict) else one for one in layer]
        layer = [part for one in held if not isinstance(one, _SCALARS) for part in one]
    return bool(layer)


_SCALARS = (str, int, float, type(None))


def payload_text(payload: object) -> str:
    """What a person is shown beside the input, as JSON; ValueError if it cannot be."""
    return json.dumps(payload, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _compensate_problems(path: str, compensate: CompensateSource) -> Iterator[Problem]:
    expected = "the PascalCase name of a node"
    yield from _pattern(join(path, "node"), compensate.node, NODE_NAME, expected)
    if compensate.package is not None:
        yield from _ref_problems(join(path, "package"), compensate.package)
    yield from _fields_problems(join(path, "input"), compensate.input)


def _edge_problems(path: str, edge: EdgeSource) -> Iterator[Problem]:
    yield from _bounds(join(path, "max_iterations"), edge.max_iterations, *ITERATIONS)
    yield from _fields_problems(join(path, "adapter"), edge.adapter)
    if edge.condition is not None:
        yield from _condition_problems(join(path, "condition"), edge.condition)


def _condition_problems(path: str, condition: ConditionSource) -> Iterator[Problem]:
    if condition.op == CEL_OP:
        if condition.cel is None:
            yield Problem(join(path, "cel"), "is required where op is CEL")
        for key, value in (("field", condition.field), ("value", condition.value)):
            if value is not None:
                yield Problem(join(path, key), "is of a comparison; op CEL has only cel")
    else:
        if condition.field is None:
            yield Problem(join(path, "field"), "is required, unless op is CEL")
        if condition.cel is not None:
            yield Problem(join(path, "cel"), "needs op: CEL")
    if condition.cel is not None:
        yield from _text_problems(join(path, "cel"), condition.cel)
    if condition.field is not None:
        expected = "the name of a field, dotted for one inside of another"
        yield from _pattern(join(path, "field"), condition.field, FIELD_PATH, expected)
    if not _is_comparable(condition.value):
        said = f"must be a text, a number, true or false, or a list of them, {_OF_A_FIELD}"
        yield Problem(join(path, "value"), said)


_OF_A_FIELD = f"each such as a field can hold and at most {EXPRESSION_CHARS_MAX} characters long"


def _is_comparable(value: object) -> bool:
    match value:
        case None | bool():
            return True
        case int():
            return value in INT64
        case float():
            return math.isfinite(value)
        case str():
            return len(value) <= EXPRESSION_CHARS_MAX and _is_unicode(value)
        case list():
            plain = (not isinstance(one, list) and one is not None for one in value)
            return all(plain) and all(map(_is_comparable, value))
    return False


def _fields_problems(path: str, fields: Mapping[str, str] | None) -> Iterator[Problem]:
    for field, text in (fields or {}).items():
        yield from _text_problems(join(path, field), text)


def _text_problems(path: str, text: str) -> Iterator[Problem]:
    """What is wrong with a text that is to be an expression, before anybody reads it as one."""
    if not text.strip():
        yield Problem(path, "is empty, but must be a CEL expression")
    if len(text) > EXPRESSION_CHARS_MAX:
        yield Problem(path, f"has {len(text)} characters, more than {EXPRESSION_CHARS_MAX}")
    if not _is_unicode(text):
        yield Problem(path, "holds half of a surrogate pair, which is not Unicode text")


def _retry_problems(path: str, retry: RetrySource) -> Iterator[Problem]:
    yield from _bounds(join(path, "max_attempts"), retry.max_attempts, *ATTEMPTS)
    yield from _bounds(join(path, "initial_interval_ms"), retry.initial_interval_ms, *INTERVAL_MS)
    yield from _bounds(join(path, "max_interval_ms"), retry.max_interval_ms, *INTERVAL_MS)
    yield from _bounds(join(path, "backoff_coefficient"), retry.backoff_coefficient, *COEFFICIENT)
    if retry.max_interval_ms < retry.initial_interval_ms:
        least = _number(retry.initial_interval_ms)
        yield Problem(join(path, "max_interval_ms"), f"is less than initial_interval_ms, {least}")
    jitter = retry.jitter
    if not (jitter is None or (isinstance(jitter, bool | int | float) and 0 <= jitter <= 1)):
        yield Problem(join(path, "jitter"), f"must be a number from 0 to 1 or true, not {jitter!r}")
    for index, name in enumerate(retry.non_retryable):
        if not _is_unicode(name):
            yield Problem(join(join(path, "non_retryable"), index), "is not Unicode text")


def _ref_problems(path: str, ref: str) -> Iterator[Problem]:
    package, _, version = ref.partition("@")
    if not (PACKAGE_NAME.fullmatch(package) and VERSION.fullmatch(version)):
        expected = "handle/package@version, such as acme/orders@1.4.2"
        yield Problem(path, f"must be {expected}, not {ref[:NAME_CHARS_MAX]!r}")


def _position_problems(path: str, position: PositionSource | None) -> Iterator[Problem]:
    if position is None:
        return
    given = {name: value for name, value in attrs.asdict(position).items() if value is not None}
    if given.keys() not in ({"x", "y"}, {"col", "row"}):
        yield Problem(path, "must be {x, y} or {col, row}")
    elif not all(map(math.isfinite, given.values())):
        yield Problem(path, "must be finite numbers")


def _bounds(path: str, value: float | None, least: float, most: float) -> Iterator[Problem]:
    if value is not None and not least <= value <= most:
        yield Problem(path, f"must be from {least} to {most}, not {_number(value)}")


def _pattern(
    path: str, value: str, pattern: re.Pattern[str], expected: str, chars: int = NAME_CHARS_MAX
) -> Iterator[Problem]:
    if len(value) > chars or not pattern.fullmatch(value):
        yield Problem(path, f"must be {expected}, not {value[:chars]!r}")


def flow_document(source: FlowSource) -> dict[str, Any]:
    """The flow as a JSON value that reads back as the same flow; what is unset is left out."""
    document: dict[str, Any] = _document(source)
    return document


def _document(value: Any) -> Any:
    write = _FORMS.get(type(value))
    if write is not None:
        return write(value)
    if attrs.has(type(value)):
        return {
            key_of(field): _document(member)
            for field in attrs.fields(type(value))
            if in_documents(field) and (member := getattr(value, field.name)) != field.default
        }
    return value


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


_FORMS: dict[type, Callable[[Any], Any]] = {
    float: _number,
    tuple: lambda members: [_document(member) for member in members],
    dict: lambda members: {key: _document(member) for key, member in members.items()},
}
