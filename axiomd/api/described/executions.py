"""What is told of the routes that show executions and ask people."""

import attrs

from axiomd.api.described.parameters import (
    CURSOR,
    LAST_EVENT_ID,
    NODE,
    NUMBER_CURSOR,
    number,
    page,
    several,
    text,
)
from axiomd.api.described.route import Answer, Body, Page, Parameter, Route
from axiomd.api.pauses import InboxPauseView, PauseView
from axiomd.api.shapes import (
    BranchView,
    CheckpointView,
    EventView,
    ExecutionView,
    InputView,
    KeptFrameView,
    OutputView,
    ShownExecutionView,
)
from axiomd.api.webhooks import DeliveryView
from axiomd.api.why import WhyView
from axiomd.api.wire import ResumeBody
from axiomd.errors import WrongState
from axiomd.execution.journal import EntryKind
from axiomd.execution.status import Status
from axiomd.limits import PAGE_ROWS_MAX, STREAM_BATCH_FRAMES_MAX

_ROOT = "/invocations/v1/executions"
_EXECUTION = f"{_ROOT}/{{execution_id}}"
_TAG = "Executions"
_SEQ_MAX = 999_999_999
_MOMENT = {"type": "string", "format": "date-time"}

EXECUTIONS = (
    Route(
        "GET",
        _ROOT,
        "listExecutions",
        "List executions, newest first",
        (Answer(200, "A page of them.", Page("executions", ExecutionView)),),
        _TAG,
        "A page may hold fewer rows than `limit` and still have a `next_cursor`.",
        query=(
            several("status", "Only these statuses.", [status.value for status in Status]),
            text("flow", "Only those of this flow.", "", "acme/order-intake"),
            text("schedule_id", "Only those that this schedule made."),
            Parameter("started_after", "Accepted at that time or later.", _MOMENT),
            Parameter("started_before", "Accepted before that time.", _MOMENT),
            text("q", "Part of an execution's ID or of its flow's name."),
            number("limit", "Rows of a page, at most.", 50, 1, PAGE_ROWS_MAX),
            CURSOR,
        ),
    ),
    Route(
        "GET",
        _EXECUTION,
        "getExecution",
        "Show an execution",
        (Answer(200, "The execution.", ShownExecutionView),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/why",
        "explainExecution",
        "Tell what an execution waits for, or why it ended",
        (Answer(200, "Links, from the execution down to what everything waits for.", WhyView),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/events",
        "listEvents",
        "Read the history of an execution, or follow it live",
        (
            Answer(
                200,
                "A page of events, oldest first; with `Accept: text/event-stream` each event as "
                "it becomes durable, with its `seq` as `id`, until the execution has ended.",
                Page("events", EventView),
                events=(EventView,),
            ),
        ),
        _TAG,
        "`Last-Event-ID` wins over `cursor`, and that over `after`.",
        query=(
            NODE,
            several("kind", "Only these kinds.", [kind.wire for kind in EntryKind]),
            Parameter(
                "after",
                "Only those behind this `seq`.",
                {"type": "integer", "minimum": 0, "maximum": _SEQ_MAX},
            ),
            number("limit", "Rows of a page, at most.", PAGE_ROWS_MAX, 1, PAGE_ROWS_MAX),
            CURSOR,
        ),
        headers=(LAST_EVENT_ID,),
    ),
    Route(
        "GET",
        f"{_EXECUTION}/checkpoints",
        "listCheckpoints",
        "Read what each completed node visit took and returned",
        (Answer(200, "A page of them, oldest first.", Page("checkpoints", CheckpointView)),),
        _TAG,
        query=(
            number("limit", "Rows of a page, at most.", PAGE_ROWS_MAX, 1, PAGE_ROWS_MAX),
            NUMBER_CURSOR,
        ),
    ),
    Route(
        "GET",
        f"{_EXECUTION}/branches",
        "listBranches",
        "Read what has come to each gate",
        (Answer(200, "All of them.", Page("branches", BranchView)),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/input",
        "getInput",
        "Read what an execution was invoked with",
        (Answer(200, "The input, there from its first moment on.", InputView),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/output",
        "getOutput",
        "Read the output of an execution, or why there is none",
        (Answer(200, "The output.", OutputView),),
        _TAG,
    ),
    Route(
        "GET",
        f"{_EXECUTION}/frames",
        "listFrames",
        "Read the frames that a placement has emitted",
        (Answer(200, "A page of them.", Page("frames", KeptFrameView)),),
        _TAG,
        query=(
            attrs.evolve(NODE, about="Alias of a placement; the terminal one if it is not given."),
            number("from", "Index of the first frame.", 0, 0, 2**31),
            number("limit", "Frames of a page, at most.", 100, 1, STREAM_BATCH_FRAMES_MAX),
            NUMBER_CURSOR,
        ),
    ),
    Route(
        "GET",
        f"{_EXECUTION}/webhooks",
        "listDeliveriesOfExecution",
        "Read whom an execution was told to, with every attempt",
        (Answer(200, "A page of deliveries.", Page("webhooks", DeliveryView)),),
        "Webhooks",
        query=page(),
    ),
)

PAUSES = (
    Route(
        "GET",
        "/invocations/v1/pauses",
        "listOpenPauses",
        "List what waits for a person, newest first",
        (Answer(200, "A page of open pauses.", Page("pauses", InboxPauseView)),),
        "Pauses",
        query=page(),
    ),
    Route(
        "GET",
        f"{_EXECUTION}/pauses",
        "listPauses",
        "List every pause of an execution, oldest first",
        (Answer(200, "A page of pauses.", Page("pauses", PauseView)),),
        "Pauses",
        query=(page()[0], NUMBER_CURSOR),
    ),
    Route(
        "POST",
        f"{_EXECUTION}/pauses/{{pause}}/resume",
        "resumePause",
        "Answer for a paused node visit",
        (Answer(200, "The pause, answered; the answer is on disk.", PauseView),),
        "Pauses",
        "One answer counts, the first that is durable; every other one is a 409.",
        body=Body(
            "The answer.",
            ResumeBody,
            {"decision": "approve", "value": {"amount": 80}, "comment": "as agreed"},
        ),
        refusals=(WrongState,),
    ),
)
