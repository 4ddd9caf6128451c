"""The floor: the same HTTP server answering a constant, which is what HTTP alone costs here.

`python floor.py` serves on a free port of 127.0.0.1 and prints it as one JSON line.
"""

import gc
import json
import os
import socket
from typing import Any

import hypercorn.trio
import trio
from hypercorn.config import Config

ANSWER = json.dumps(
    {
        "accepted": True,
        "execution_id": "0" * 32,
        "result": {
            "output": {"text": "hi", "count": "4", "ratio": 0.5},
            "success": True,
            "completed_at": 1_700_000_000,
        },
    },
    separators=(",", ":"),
).encode()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    while (await receive()).get("more_body"):
        pass
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(ANSWER)).encode()),
    ]
    await send({"type": "http.response.start", "status": 202, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER, "more_body": False})


async def serve() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listening.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.include_server_header = False
    config.accesslog = config.errorlog = None
    gc.freeze()
    gc.set_threshold(20_000)
    print(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": os.getpid()}), flush=True)
    await hypercorn.trio.serve(application, config, mode="asgi")


if __name__ == "__main__":
    trio.run(serve)
