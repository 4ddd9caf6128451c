"""What is told of the routes that begin executions, end them, and call single nodes."""

from axiomd.api.described.parameters import IDEMPOTENCY_KEY, LAST_EVENT_ID, number
from axiomd.api.described.route import Answer, Body, Parameter, Route
from axiomd.api.forks import ForkBody
from axiomd.api.invoke import INVOKE_PATH, STREAM_PATH
from axiomd.api.shapes import (
    CancelledView,
    ClosingFrameView,
    ForkedView,
    FrameView,
    InvokedView,
    SettledView,
)
from axiomd.api.wire import InvokeBody, SettleBody, StreamBody
from axiomd.errors import (
    Draining,
    IdempotencyConflict,
    NodeFailed,
    NotFound,
    Occupied,
    Unavailable,
    WrongMode,
    WrongState,
)

_EXECUTION = "/invocations/v1/executions/{execution_id}"
_GRAPH_ID = "01JX5M4ZV8QK3T0B9N2R7C6D1E"
_EXECUTION_ID = "019a3c5d7e8f0123456789abcdef0123"
_BEGINS = (NotFound, WrongMode, IdempotencyConflict, Draining)

_STREAM_ABOUT = """\
Each event's `data` is a frame, and its `id` the frame's index; the last one has `is_final: true`
and no payload, and says how it ended. Lines that begin with a colon keep the connection alive.
A stream that broke off, also because the box has died, goes on at
`GET /invocations/v1/executions/{execution_id}/stream` with `Last-Event-ID`."""

INVOCATIONS = (
    Route(
        "POST",
        INVOKE_PATH,
        "invoke",
        "Start a unary execution",
        (
            Answer(
                202,
                "It is on disk, and will run whatever happens. With `wait` also how it has ended, "
                "or that it has not in time; it goes on then.",
                InvokedView,
                {
                    "accepted": True,
                    "execution_id": _EXECUTION_ID,
                    "result": {
                        "output": {"text": "Hello, Ada!"},
                        "success": True,
                        "completed_at": 1772357400,
                    },
                },
            ),
        ),
        "Invocations",
        "The input is checked against the input message of the artifact; the artifact's own "
        "document, `/app/v1/artifacts/{graph_id}/openapi.json`, has its schema.",
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            "What runs, and with what.",
            InvokeBody,
            {"graph_id": _GRAPH_ID, "input": {"name": "Ada"}, "wait": True},
        ),
        refusals=_BEGINS,
    ),
    Route(
        "POST",
        STREAM_PATH,
        "invokeStream",
        "Start a pipeline execution and stream its frames",
        (
            Answer(
                200,
                "It is on disk, and will run whatever happens. Its frames as they become durable.",
                events=(FrameView, ClosingFrameView),
            ),
        ),
        "Invocations",
        _STREAM_ABOUT,
        headers=(IDEMPOTENCY_KEY,),
        body=Body(
            "What runs, and with what.",
            StreamBody,
            {"graph_id": _GRAPH_ID, "input": {"text": "to be or not to be"}},
        ),
        refusals=_BEGINS,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/stream",
        "resumeStream",
        "Go on with a stream of frames",
        (
            Answer(
                200,
                "The frames from there on, without a gap or a duplicate.",
                events=(FrameView, ClosingFrameView),
            ),
        ),
        "Invocations",
        "`Last-Event-ID` wins over `from`; without either it begins with the first frame.",
        query=(
            Parameter(
                "from",
                "Index of the first frame.",
                {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
            ),
            number("timeout_seconds", "Ends the stream after that time; 0: never.", 0, 0, 3600),
        ),
        headers=(LAST_EVENT_ID,),
        refusals=(WrongMode,),
    ),
    Route(
        "DELETE",
        "/invocations/v1/flows/{execution_id}",
        "cancelExecution",
        "Cancel an execution, with all of its children",
        (Answer(202, "It is cancelled; what it had running is dead.", CancelledView),),
        "Invocations",
        query=(
            Parameter(
                "compensate",
                "`true`: what is done is undone then, before it ends.",
                {"type": "string", "enum": ["true", "false"], "default": "false"},
            ),
        ),
        refusals=(WrongState, Occupied),
    ),
    Route(
        "POST",
        f"{_EXECUTION}/settle",
        "settleVisit",
        "Say whether a node visit in doubt has happened",
        (Answer(200, "It is on disk, and the execution goes on.", SettledView),),
        "Executions",
        body=Body(
            "What is true of the visit.",
            SettleBody,
            {"position": "charge", "happened": True, "output": {"receipt": "r-17"}},
        ),
        refusals=(WrongState, Occupied),
    ),
    Route(
        "POST",
        f"{_EXECUTION}/fork",
        "forkExecution",
        "Begin a new execution behind a checkpoint of this one",
        (Answer(202, "The new execution is on disk.", ForkedView),),
        "Executions",
        "What was completed by then is not run again; what was in flight begins anew.",
        body=Body("Where, and what is different.", ForkBody, {"from": "price"}),
        refusals=(WrongState, WrongMode, Occupied, Draining),
    ),
    Route(
        "POST",
        f"{_EXECUTION}/retry",
        "retryExecution",
        "Begin a new execution that runs again what has failed",
        (Answer(202, "The new execution is on disk.", ForkedView),),
        "Executions",
        refusals=(WrongState, WrongMode, Occupied, Draining),
    ),
    Route(
        "POST",
        "/invocations/v1/nodes/{handle}/{package}/{version}/{node}",
        "callNode",
        "Run one node: no execution, no history",
        (Answer(200, "The output message, bare.", object),),
        "Invocations",
        body=Body("The input message, bare.", object, {"name": "Ada"}, required=False),
        refusals=(WrongMode, NodeFailed, Unavailable, Draining),
    ),
)
