"""A client that streams an execution through every life of its box, as the edge streams it."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any

import attrs
from worlds import box as worlds
from worlds.flows import Story

from axiomd.api.box import Box as EdgeBox
from axiomd.api.sse import frame_events
from axiomd.settings import ServerSettings


@attrs.frozen
class Shelf:
    """The catalog of a world: stories, whose messages are plain bytes."""

    stories: Mapping[str, Story]

    def load(self, _: str, graph_id: str) -> Any:
        terminal = SimpleNamespace(to_json=lambda content: content.decode("latin-1"))
        return SimpleNamespace(artifact=self.stories[graph_id].artifact, terminal=terminal)


async def follow(box: worlds.Box, execution_id: str) -> None:
    """Go on with a stream behind what was seen of it, to its closing frame."""
    seen = box.world.streamed.setdefault(execution_id, [])
    execution = box.reader.find_execution(execution_id)
    assert execution is not None
    catalog: Any = Shelf(box.world.stories)
    unused: Any = None
    edge = EdgeBox(
        engine=box.engine,
        catalog=catalog,
        environments=unused,
        keyring=unused,
        sign_ins=unused,
        tenants=unused,
        reader=box.reader,
        clock=box.world.clock,
        settings=ServerSettings(),
        webhooks=unused,
        secrets=unused,
        configs=unused,
        provision=unused,
    )
    async with aclosing(frame_events(edge, execution, len(seen), None)) as chunks:
        async for chunk in chunks:
            for line in chunk.decode().splitlines():
                if line.startswith("data: "):
                    take(seen, json.loads(line.removeprefix("data: ")))


def take(seen: list[bytes], event: dict[str, Any]) -> None:
    assert event["frame_index"] == len(seen), "a frame is missing, or comes again"
    if not event["is_final"]:
        seen.append(event["payload"].encode("latin-1"))
