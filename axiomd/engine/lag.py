"""How late the event loop is: a task that wants to run at its time, and notes when it does.

Whoever holds the loop, by computing or by blocking, holds up every request and every execution;
this is where it shows.
"""

import trio

from axiomd.measures import Histogram

_EVERY_S = 1.0


async def watch_loop(lag_s: Histogram) -> None:
    """Note the loop's lag until cancelled."""
    while True:
        due = trio.current_time() + _EVERY_S
        await trio.sleep_until(due)
        lag_s.observe(max(0.0, trio.current_time() - due))
