"""Every route that is described. A new one is told of beside these: a `Route` in a module of this
folder, whose tuple is added here. `tests/api/test_described.py` compares it with the server's own.
"""

from axiomd.api.described.access import ACCESS
from axiomd.api.described.box import BOX
from axiomd.api.described.catalog import FLOWS, PACKAGES
from axiomd.api.described.debugging import DEBUGGING
from axiomd.api.described.executions import EXECUTIONS, PAUSES
from axiomd.api.described.invocations import INVOCATIONS
from axiomd.api.described.webhooks import WEBHOOKS

TABLE = (
    *INVOCATIONS,
    *EXECUTIONS,
    *PAUSES,
    *PACKAGES,
    *FLOWS,
    *DEBUGGING,
    *WEBHOOKS,
    *ACCESS,
    *BOX,
)
"""In the order of the document."""
