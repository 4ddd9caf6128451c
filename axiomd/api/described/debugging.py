"""What is told of the routes of debug sessions."""

from axiomd.api.debug import BreakpointsBody, DebugView, InputBody, StartBody, StepBody
from axiomd.api.described.route import Answer, Body, Route
from axiomd.api.shapes import AcceptedView
from axiomd.errors import Draining, NotFound, Occupied, WrongMode, WrongState

_SESSION = "/app/v1/debug/{execution_id}"
_SEEN = (Answer(200, "The session, and what it holds now.", DebugView),)
_STATES = (WrongState, Occupied)
_TAG = "Debugging"

DEBUGGING = (
    Route(
        "POST",
        "/app/v1/debug",
        "startDebugging",
        "Start an execution in a debug session",
        (Answer(202, "It is on disk, and will run up to where it stops.", AcceptedView),),
        _TAG,
        "Only unary artifacts can be debugged.",
        body=Body(
            "What runs, with what, and where it stops.",
            StartBody,
            {"graph_id": "01JX5M4ZV8QK3T0B9N2R7C6D1E", "input": {}, "breakpoints": ["price"]},
        ),
        refusals=(NotFound, WrongMode, Draining),
    ),
    Route(
        "GET",
        _SESSION,
        "getDebugSession",
        "Show a debug session, and what it holds with its input",
        _SEEN,
        _TAG,
    ),
    Route(
        "POST",
        f"{_SESSION}/pause",
        "pauseDebugging",
        "Stop before whatever would be called next",
        _SEEN,
        _TAG,
        refusals=_STATES,
    ),
    Route(
        "POST",
        f"{_SESSION}/step",
        "stepDebugging",
        "Let one held node run",
        _SEEN,
        _TAG,
        body=Body("Which one.", StepBody, {"position": "price"}, required=False),
        refusals=_STATES,
    ),
    Route(
        "POST",
        f"{_SESSION}/continue",
        "continueDebugging",
        "Let go of all that is held, and run to the next breakpoint",
        _SEEN,
        _TAG,
        refusals=_STATES,
    ),
    Route(
        "PUT",
        f"{_SESSION}/breakpoints",
        "setBreakpoints",
        "Stop before other placements from now on",
        _SEEN,
        _TAG,
        body=Body("Where it stops.", BreakpointsBody, {"breakpoints": ["price", "charge"]}),
        refusals=_STATES,
    ),
    Route(
        "PUT",
        f"{_SESSION}/input",
        "editInput",
        "Give a held visit another input",
        _SEEN,
        _TAG,
        body=Body("The input.", InputBody, {"position": "price", "value": {"amount": 3}}),
        refusals=_STATES,
    ),
)
