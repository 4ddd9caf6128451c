"""Requests as commands that people can run, see and change."""

import json
import shlex
from collections.abc import Mapping
from typing import Any


def curl(
    url: str, body: Any, *, streams: bool = False, headers: Mapping[str, str] | None = None
) -> str:
    """The curl command that posts a body; the key stays in the environment.

    streams: whether the answer is shown as it comes.
    """
    said = {"Content-Type": "application/json", **(headers or {})}
    parts = (
        f"curl {'-N ' if streams else ''}-X POST {shlex.quote(url)}",
        '-H "Authorization: Bearer $AXIOMD_API_KEY"',
        *(f"-H {shlex.quote(f'{name}: {value}')}" for name, value in said.items()),
        f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}",
    )
    return " \\\n  ".join(parts)
