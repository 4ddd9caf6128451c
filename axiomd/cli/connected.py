"""Commands that talk to a server: the decorator that gives them a client."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

from axiomd.cli.client import Client, open_client
from axiomd.cli.login import find_target
from axiomd.cli.options import target_options

P = ParamSpec("P")


def with_client(function: Callable[Concatenate[Client, P], None]) -> Callable[..., None]:
    """Add `--url` and `--key` to a command and call it with an open client first."""

    @target_options
    @functools.wraps(function)
    def call(*args: Any, url: str | None, key: str | None, **kwargs: Any) -> None:
        with open_client(find_target(url, key)) as client:
            function(client, *args, **kwargs)

    return call
