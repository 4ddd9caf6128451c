"""Packages, flows and artifacts: what a digest names, and lists in pages."""

import pytest
from system.box import User
from system.lab import flow

MANIFEST = """\
name: acme/{name}
version: 1.0.0
language: python
{rest}
"""
TYPES = 'syntax = "proto3";\npackage acme.types;\nmessage Money {{ {fields} }}\n'
USER_PROTO = """\
syntax = "proto3";
package acme.uses;
import "acme/types/messages.proto";
message Price { acme.types.Money money = 1; }
"""


def push_types(user: User, fields: str) -> dict:
    manifest = MANIFEST.format(name="types", rest="type: proto-only")
    files = {"axiom.yaml": manifest, "messages/messages.proto": TYPES.format(fields=fields)}
    answer = user.push(files)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def push_importer(user: User) -> dict:
    rest = (
        "imports: [{package: acme/types, version: 1.0.0}]\n"
        "nodes: [{name: Keep, input: Price, output: Price}]"
    )
    code = "from gen.messages_pb2 import Price\n\ndef keep(ax, input: Price) -> Price:\n"
    answer = user.push(
        {
            "axiom.yaml": MANIFEST.format(name="uses", rest=rest),
            "messages/messages.proto": USER_PROTO,
            "nodes/keep.py": f"{code}    return input\n",
        }
    )
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def test_digest_names_the_imported_messages_too(user: User, graph):
    push_types(user, "int64 cents = 1;")
    first = push_importer(user)
    placement = {"package": "acme/uses@1.0.0", "node": "Keep"}
    pinned = graph(flow("keeps", {"keep": placement}))
    push_types(user, "int64 cents = 1; string currency = 2;")
    second = push_importer(user)
    assert (first["changed"], second["changed"]) == (True, True)
    assert first["digest"] != second["digest"]
    assert push_importer(user)["changed"] is False
    given = {"money": {"cents": "5"}}
    ran = user.invoke(pinned, given, wait=True).json()["result"]
    assert ran["output"] == {"money": {"cents": "5"}}, "the artifact keeps what it was made with"
    fresh = user.compile(flow("keeps", {"keep": placement}))
    assert fresh != pinned
    ran = user.invoke(fresh, {"money": {"currency": "EUR"}}, wait=True).json()["result"]
    assert ran["output"]["money"] == {"cents": "0", "currency": "EUR"}


@pytest.mark.parametrize("name", ["packages", "flows", "artifacts"])
def test_lists_of_the_shelf_come_in_pages(user: User, graph, name):
    for node in ("Echo", "Shout", "Left"):
        graph(node)
    push_types(user, "int64 cents = 1;")
    whole = user.get(f"/app/v1/{name}?limit=1000")
    assert whole["next_cursor"] is None
    assert len(whole[name]) >= 2
    found, query = [], "?limit=1"
    while query:
        page = user.get(f"/app/v1/{name}{query}")
        assert len(page[name]) == 1
        found += page[name]
        cursor = page["next_cursor"]
        query = f"?limit=1&cursor={cursor}" if cursor else ""
    assert found == whole[name]


@pytest.mark.parametrize("name", ["packages", "flows", "artifacts"])
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=0", 422, "INVALID"),
        ("limit=1001", 422, "INVALID"),
        ("limits=1", 422, "INVALID"),
        ("cursor=%F0%9F%8E%B2", 400, "MALFORMED"),
    ],
)
def test_list_of_the_shelf_refuses_what_means_nothing(
    user: User, graph, refused, name, query, status, code
):
    graph("Echo")
    refused(user.http.get(f"/app/v1/{name}?{query}"), status, code)


def test_page_of_checkpoints_reads_no_blobs_but_its_own(box, user: User, graph):
    graph_id = graph(flow("large-steps", {"echo": "Echo", "shout": "Shout"}, ("echo shout",)))
    text = "blob of a page " * 6_000
    identity = user.accepted(graph_id, {"text": text})
    user.ended(identity)
    blobs = [path for path in (box.data_dir / "blobs").glob("*/*") if path.is_file()]
    (loud,) = [path for path in blobs if b"BLOB OF A PAGE" in path.read_bytes()]
    loud.rename(aside := box.data_dir / "aside")
    page = user.execution(identity, "/checkpoints?limit=1")
    (point,) = page["checkpoints"]
    assert point["output"]["text"] == text
    assert page["next_cursor"]
    aside.rename(loud)
