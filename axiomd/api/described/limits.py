"""What is told of the routes of limits and usage."""

from axiomd.api.described.parameters import text
from axiomd.api.described.route import Answer, Body, Route
from axiomd.api.limits import TenantLimitsView, UsageView
from axiomd.errors import Forbidden, NotFound
from axiomd.execution.tenant_limits import OwnLimits

_TAG = "Limits"
_LIMITS = "/app/v1/tenants/{tenant}/limits"

LIMITS = (
    Route(
        "GET",
        _LIMITS,
        "getLimits",
        "Show the limits of a tenant",
        (Answer(200, "Those in force, and those that are its own.", TenantLimitsView),),
        _TAG,
        "Keys of the tenant `default` see those of every tenant, others their own.",
        refusals=(Forbidden,),
    ),
    Route(
        "PUT",
        _LIMITS,
        "setLimits",
        "Set the limits of a tenant, at once",
        (Answer(200, "What holds from now on.", TenantLimitsView),),
        _TAG,
        "With a key of the tenant `default`. What is left out, or null, is as for everybody.",
        body=Body("All that is its own.", OwnLimits, {"executions_max": 50}),
        refusals=(Forbidden,),
    ),
    Route(
        "GET",
        "/app/v1/usage",
        "getUsage",
        "Show what a tenant has running, waiting and accepted",
        (Answer(200, "Its usage; counts are some seconds old at most.", UsageView),),
        _TAG,
        query=(text("tenant", "Another tenant, for keys of the tenant `default`."),),
        refusals=(Forbidden, NotFound),
    ),
)
