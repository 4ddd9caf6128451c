"""What is told of the routes of the box itself."""

from typing import TypedDict

from axiomd.api.described.route import DOCUMENT, Answer, Content, Route
from axiomd.errors import Draining, Forbidden, Recovering

_TAG = "Box"


class HealthView(TypedDict):
    """That it answers."""

    status: str


class ReadinessView(TypedDict):
    """That it takes work, and how much it has."""

    status: str
    attempts: int
    """Executions that a worker has now."""
    commits_queued: int
    watches: int
    """Streams and callers that wait for something."""


BOX = (
    Route(
        "GET",
        "/healthz",
        "getHealth",
        "Whether the box is alive",
        (Answer(200, "It is.", HealthView),),
        _TAG,
        keyed=False,
    ),
    Route(
        "GET",
        "/readyz",
        "getReadiness",
        "Whether the box takes work",
        (Answer(200, "It does.", ReadinessView),),
        _TAG,
        refusals=(Draining, Recovering),
        keyed=False,
    ),
    Route(
        "GET",
        "/metrics",
        "getMetrics",
        "Read the numbers of the box",
        (
            Answer(
                200,
                "All of them, as Prometheus reads them.",
                others=(Content("text/plain", {"type": "string"}),),
            ),
        ),
        _TAG,
        "With a key of the tenant `default`, or with `server.open_metrics` without any.",
        refusals=(Forbidden,),
    ),
    Route(
        "GET",
        "/openapi.json",
        "getApiDocument",
        "Read the description of this API",
        (Answer(200, "An OpenAPI 3.1 document.", others=(DOCUMENT,)),),
        _TAG,
        keyed=False,
    ),
)
