"""What is told of the routes of schedules."""

from axiomd.api.described.parameters import page
from axiomd.api.described.route import Answer, Body, Page, Route
from axiomd.api.schedule_wire import ScheduleBody, ScheduleChangeBody
from axiomd.api.schedules import DeletedScheduleView, ScheduleView
from axiomd.api.shapes import AcceptedView
from axiomd.errors import Draining, Invalid, NotFound

_ROOT = "/app/v1/schedules"
_ONE = f"{_ROOT}/{{schedule_id}}"
_TAG = "Schedules"

SCHEDULES = (
    Route(
        "GET",
        _ROOT,
        "listSchedules",
        "List what is invoked when, newest first",
        (Answer(200, "A page of schedules.", Page("schedules", ScheduleView)),),
        _TAG,
        query=page(),
    ),
    Route(
        "POST",
        _ROOT,
        "createSchedule",
        "Have an artifact invoked at certain times",
        (Answer(201, "The schedule.", ScheduleView),),
        _TAG,
        body=Body(
            "What, and when.",
            ScheduleBody,
            {
                "name": "nightly report",
                "graph_id": "01JX5M4ZV8QK3T0B9N2R7C6D1E",
                "input": {"day": "yesterday"},
                "cron": "30 4 * * MON-FRI",
                "time_zone": "Europe/Zurich",
                "catch_up": "one",
            },
        ),
        refusals=(NotFound,),
    ),
    Route(
        "GET",
        _ONE,
        "getSchedule",
        "Show a schedule with its next times",
        (Answer(200, "The schedule.", ScheduleView),),
        _TAG,
    ),
    Route(
        "PATCH",
        _ONE,
        "changeSchedule",
        "Change what is named; the rest stays",
        (Answer(200, "The schedule as it is now.", ScheduleView),),
        _TAG,
        body=Body("What changes.", ScheduleChangeBody, {"every_seconds": 900}),
    ),
    Route(
        "DELETE",
        _ONE,
        "deleteSchedule",
        "Fire it no more; its executions go on",
        (Answer(200, "It is gone.", DeletedScheduleView),),
        _TAG,
    ),
    Route(
        "POST",
        f"{_ONE}/pause",
        "pauseSchedule",
        "Fire nothing until it is resumed",
        (Answer(200, "The schedule as it is now.", ScheduleView),),
        _TAG,
    ),
    Route(
        "POST",
        f"{_ONE}/resume",
        "resumeSchedule",
        "Fire again; of the times that have passed, what `catch_up` says",
        (Answer(200, "The schedule as it is now.", ScheduleView),),
        _TAG,
    ),
    Route(
        "POST",
        f"{_ONE}/trigger",
        "triggerSchedule",
        "Fire it now, beside its times",
        (Answer(202, "The execution is on disk.", AcceptedView),),
        _TAG,
        refusals=(Draining, Invalid),
    ),
)
