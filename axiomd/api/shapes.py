"""The shapes of answers: what `views.py` and the routes of executions and flows make.

The type checker holds the makers to these, and the API documents are generated from them, so
each is written once. What is null means that there is no such thing, or not yet.
"""

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from axiomd.api.schema import Words
from axiomd.execution.status import Status
from axiomd.flow.artifact import FailurePolicy, GatePolicy, JoinKind, Mode, PausePolicy
from axiomd.ids import ARTIFACT_ID, EXECUTION_ID, SCHEDULE_ID

Moment = Annotated[str, Words(format="date-time", examples=["2026-03-01T09:30:00.123Z"])]
"""RFC 3339, UTC, milliseconds."""
ExecutionId = Annotated[
    str, Words(pattern=f"^{EXECUTION_ID.pattern}$", examples=["019a3c5d7e8f0123456789abcdef0123"])
]
GraphId = Annotated[
    str, Words(pattern=f"^{ARTIFACT_ID.pattern}$", examples=["01JX5M4ZV8QK3T0B9N2R7C6D1E"])
]
ScheduleId = Annotated[
    str, Words(pattern=f"^{SCHEDULE_ID.pattern}$", examples=["01JX5M4ZV8QK3T0B9N2R7C6D1E"])
]
Visit = Annotated[str, Words(examples=["price", "price#2", "price[3]"])]
"""A node visit: the alias, with the iteration of a loop and the item of a fan-out."""
JsonSchema = dict[str, Any]
StatusName = Annotated[str, Words(enum=[status.value for status in Status])]


class FailureView(TypedDict):
    """What went wrong, in parts."""

    kind: str
    """`NODE_ERROR`, `TIMEOUT`, `CANCELLED` and others."""
    placement: str | None
    """Alias of the placement at fault."""
    edge: str | None
    """`a → b` if an edge is at fault."""
    message: str
    """One sentence."""
    attempts: int
    """Calls made of the node visit at fault."""


class AwaitedPauseView(TypedDict):
    """An open pause, as the execution that waits for it names it."""

    pause_id: str
    position: Visit
    expires_at: Moment | None


class WaitingView(TypedDict):
    """What a parked execution waits for, or a person has to act on."""

    in_doubt: list[Visit]
    """Visits of nodes that must run once, of which nobody knows whether they have."""
    pauses: list[AwaitedPauseView]
    held: list[Visit]
    """What a debug session has stopped before, the first hundred."""
    children: list[ExecutionId]
    until: Moment | None
    """When it goes on by itself."""


class ExecutionView(TypedDict):
    """One accepted invocation."""

    execution_id: ExecutionId
    flow: str
    """`handle/name` of the flow that the artifact was compiled from."""
    graph_id: str
    """The artifact it runs."""
    mode: Mode
    status: StatusName
    created_at: Moment
    started_at: Moment | None
    updated_at: Moment
    completed_at: Moment | None
    duration_ms: float | None
    attempt: int
    """How many workers have begun with it."""
    priority: int
    """0 to 9: of what waits of one tenant, the higher goes first."""
    config_id: str | None
    parent_id: ExecutionId | None
    """The execution whose subflow it is."""
    forked_from: ExecutionId | None
    schedule_id: ScheduleId | None
    """The schedule that made it."""
    scheduled_at: Moment | None
    """The time of that schedule for which it was made; null if somebody had it fire."""
    waiting_on: WaitingView | None
    ended_at: list[str] | None
    """Aliases where the last branches ended, if none came to the terminal."""
    error: str | None
    """One sentence that says what went wrong and where."""
    failure: FailureView | None


class UndoStepView(TypedDict):
    """The undoing of one node visit."""

    position: Visit
    placement: str
    node: str
    status: Annotated[str, Words(enum=["PENDING", "DONE", "FAILED", "NOT_DONE"])]
    attempts: int
    at: Moment | None
    message: str | None


class CompensationView(TypedDict):
    """What was and was not undone."""

    reason: str | None
    steps: list[UndoStepView]
    """In the order of undoing."""


class ShownExecutionView(ExecutionView):
    """One execution, with what was undone of it."""

    compensation: CompensationView | None


class ResultView(TypedDict):
    """How an execution has ended."""

    output: Any
    """The output message of a unary flow that completed."""
    success: bool
    completed_at: int
    """Unix seconds."""
    ended_at: NotRequired[list[str]]
    """Aliases where the last branches ended, if none came to the terminal."""
    frames: NotRequired[int]
    """How many frames a pipeline has emitted."""
    error: NotRequired[str | None]
    failure: NotRequired[FailureView | None]
    compensation: NotRequired[CompensationView | None]


class InvokedView(TypedDict):
    """An accepted invocation; with `wait` also its result, or that it took too long."""

    accepted: bool
    execution_id: ExecutionId
    result: NotRequired[ResultView]
    timed_out: NotRequired[bool]
    """It has not ended in time, and goes on."""


class AcceptedView(TypedDict):
    """An execution that is on disk and will run."""

    accepted: bool
    execution_id: ExecutionId


class ForkedView(AcceptedView):
    """An execution that goes on from what another one has done."""

    forked_from: ExecutionId


class StoppedView(TypedDict):
    """A node call that a cancel brought to its end."""

    execution_id: ExecutionId
    placement: str
    attempt: int
    how: Annotated[str, Words(enum=["killed", "cooperative"])]
    ms: float
    """From the cancel to the proof of it."""


class CancelledView(TypedDict):
    """What a cancel has stopped: it is dead."""

    execution_id: ExecutionId
    status: StatusName
    stopped: list[StoppedView]


class SettledView(TypedDict):
    """What somebody said of a visit in doubt."""

    execution_id: ExecutionId
    position: Visit
    happened: bool


class EventView(TypedDict):
    """One line of an execution's history."""

    seq: int
    at: Moment
    kind: str
    placement: str | None
    position: Visit | None
    attempt: int | None
    detail: dict[str, Any]
    """What else this kind of event says."""


EndsView = TypedDict("EndsView", {"from": str, "to": str})
"""An edge by its ends."""


class CheckpointView(TypedDict):
    """A completed node visit: what it took and what it returned."""

    seq: int
    placement: str
    position: Visit
    attempt: int
    message: str
    """Full name of the output message."""
    started_at: Moment
    completed_at: Moment
    duration_ms: float
    input: Any
    output: Any
    output_bytes: int | None
    edges_taken: list[EndsView]
    frames: NotRequired[int]
    """How many frames a pipeline node has emitted."""
    child: NotRequired[ExecutionId]
    """The execution that did it in the place of a node."""


class InputView(TypedDict):
    """What an execution was invoked with."""

    execution_id: ExecutionId
    message: str
    """Full name of the input message."""
    input: Any


class OutputView(TypedDict):
    """The output of an execution, or why there is none."""

    execution_id: ExecutionId
    status: StatusName
    message: str
    """Full name of the output message."""
    output: Any
    frames: int | None
    """How many frames a pipeline has emitted."""
    completed_at: Moment | None
    error: str | None
    failure: FailureView | None


class KeptFrameView(TypedDict):
    """A frame that a placement has emitted."""

    frame_index: int
    payload: Any


class FrameView(TypedDict):
    """A frame as an event of a stream; the event's `id` is the frame's index."""

    execution_id: ExecutionId
    frame_index: int
    payload: Any
    is_final: Literal[False]
    success: bool


class ClosingFrameView(TypedDict):
    """The event that ends a stream: the execution has ended, or the stream's time is over."""

    execution_id: ExecutionId
    frame_index: int
    is_final: Literal[True]
    success: bool
    timed_out: NotRequired[bool]
    """The stream's time is over; the execution goes on."""
    error: NotRequired[str | None]
    failure: NotRequired[FailureView | None]


ArmView = TypedDict("ArmView", {"from": Visit, "status": str, "at": Moment | None})
"""One way into a gate."""


class BranchView(TypedDict):
    """A gate, and what has come to it, each time that it was filled."""

    gate: str
    position: Visit
    kind: JoinKind
    policy: FailurePolicy
    status: Annotated[str, Words(enum=["WAITING", "OPENED", "FAILED", "NOT_TAKEN"])]
    opened_at: Moment | None
    arms: list[ArmView]


# -- artifacts --------------------------------------------------------------------------------


class ArtifactView(TypedDict):
    """A compiled flow."""

    graph_id: GraphId
    flow: str
    mode: Mode
    created_at: Moment
    description: str
    placements: int
    content_hash: str
    """SHA-256; the same content is the same artifact."""


class WarningView(TypedDict):
    """Something to see to, and where it comes from."""

    path: str
    message: str


class CompiledView(ArtifactView):
    """A compiled flow, and whether it is a new artifact."""

    created: bool
    warnings: list[WarningView]
    """What its calls would lack if it were invoked now."""


class JoinView(TypedDict):
    """How a gate takes its arms."""

    kind: JoinKind
    failure_policy: FailurePolicy
    quorum: int | None
    timeout_seconds: float | None
    timeout_policy: GatePolicy | None


class FanOutView(TypedDict):
    """What a placement is visited for each item of."""

    items: str
    max_parallel: int | None


class HitlView(TypedDict):
    """What a person is asked before a node runs."""

    interrupt_payload: Any
    timeout_seconds: float | None
    timeout_policy: PausePolicy | None


class CompensateView(TypedDict):
    """The node that undoes what a placement has done."""

    package: str
    node: str
    digest: str
    input: dict[str, str] | None
    """Field to CEL."""


class PointView(TypedDict):
    """Where a placement is drawn, in pixels."""

    x: float
    y: float | None


class PlacementView(TypedDict):
    """A node placed in a flow, resolved to the code that runs."""

    alias: str
    package: str | None
    node: str | None
    digest: str | None
    type: Mode
    input: str
    output: str
    runner: str
    timeout_seconds: float | None
    subflow: str | None
    gate: bool
    join: JoinView | None
    compose: dict[str, str] | None
    fan_out: FanOutView | None
    hitl: HitlView | None
    compensate: CompensateView | None
    position: PointView | None


class WayView(EndsView):
    """An edge, with what it passes on and when."""

    condition: str | None
    adapter: dict[str, str] | None
    loop: bool
    max_iterations: int | None
    on_error: bool


class TopologyView(ArtifactView):
    """An artifact with everything that is in it."""

    entry: str
    terminal: str
    input_schema: JsonSchema
    output_schema: JsonSchema
    nodes: list[PlacementView]
    edges: list[WayView]
