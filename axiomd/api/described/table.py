"""Every route that is described. A new one is told of beside these: a `Route` in a module of this
folder, whose tuple is added here. `tests/api/test_described.py` compares it with the server's own.
"""

import re
from collections.abc import Sequence

from axiomd.api.described.access import ACCESS
from axiomd.api.described.box import BOX
from axiomd.api.described.catalog import FLOWS, PACKAGES
from axiomd.api.described.debugging import DEBUGGING
from axiomd.api.described.executions import EXECUTIONS, PAUSES
from axiomd.api.described.invocations import INVOCATIONS
from axiomd.api.described.limits import LIMITS
from axiomd.api.described.schedules import SCHEDULES
from axiomd.api.described.tenants import TENANTS
from axiomd.api.described.vault import VAULT
from axiomd.api.described.webhooks import WEBHOOKS

TABLE = (
    *INVOCATIONS,
    *EXECUTIONS,
    *PAUSES,
    *PACKAGES,
    *FLOWS,
    *DEBUGGING,
    *SCHEDULES,
    *WEBHOOKS,
    *VAULT,
    *ACCESS,
    *TENANTS,
    *LIMITS,
    *BOX,
)
"""In the order of the document."""

_PATHS = [
    (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), path)
    # What is literal goes before what is in braces.
    for path in sorted({route.path for route in TABLE}, key=lambda path: path.count("{"))
]


def methods_of(path: str) -> Sequence[str]:
    """The methods that the route of a request's path takes; none if there is no such route."""
    found = next((known for pattern, known in _PATHS if pattern.fullmatch(path)), None)
    methods = sorted(route.method for route in TABLE if route.path == found)
    return [*methods, "HEAD"] if "GET" in methods else methods


LITERAL = {
    path: frozenset(methods_of(path))
    for path in {route.path for route in TABLE if "{" not in route.path}
}
"""The methods of paths that are no pattern, and so never another route's."""
