"""Bad input, each told with what is wrong and where: packages, flows, inputs, bodies."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from system import lab
from system.box import User
from system.lab import flow, single

INVOKE = "/invocations/v1/flows/invoke"


# -- packages ---------------------------------------------------------------------------------


def test_same_package_again_changes_nothing(user: User):
    again = user.push(lab.package())
    assert again.status_code == 200
    assert again.json()["changed"] is False


def test_changed_package_names_another_digest_and_artifacts_keep_theirs(user: User):
    first = user.push(lab.package(version="2.0.0")).json()
    placement = {"package": "acme/lab@2.0.0", "node": "Shout"}
    pinned = user.compile(flow("pinned", {"shout": placement}))
    source = lab.package()["nodes/shout.py"].replace(".upper()", ".lower()")
    second = user.push(lab.package({"nodes/shout.py": source}, version="2.0.0"))
    assert second.status_code == 201
    assert second.json()["digest"] != first["digest"]
    later = user.compile(flow("pinned", {"shout": placement}))
    assert later != pinned
    said = [
        user.invoke(graph_id, {"text": "Hi"}, wait=True).json()["result"]["output"]["text"]
        for graph_id in (pinned, later)
    ]
    assert said == ["HI", "hi"]


MANIFEST = lab.package()["axiom.yaml"]


@pytest.mark.parametrize(
    ("changes", "file", "line", "words"),
    [
        ({"axiom.yaml": "name: [unclosed\n"}, "axiom.yaml", 2, "expected"),
        (
            {"axiom.yaml": f"{MANIFEST}licence: MIT\n"},
            "axiom.yaml",
            MANIFEST.count("\n") + 1,
            "'license'",
        ),
        ({"nodes/echo.py": None}, "nodes/echo.py", None, "missing"),
        ({"nodes/echo.py": "def echo(ax):\n    pass\n"}, "nodes/echo.py", 1, "two parameters"),
        ({"nodes/echo.py": "x = 1\n"}, "nodes/echo.py", 1, "no function 'echo'"),
        ({"nodes/echo.py": "def echo(ax, input):\n  yield 1\n"}, "nodes/echo.py", 2, "yield"),
        ({"nodes/split.py": "def split(ax, inputs):\n  pass\n"}, "nodes/split.py", 1, "generator"),
        ({"nodes/echo.py": "def echo(:\n"}, "nodes/echo.py", 1, "not Python"),
        (
            {"nodes/echo.py": "def echo(ax, input: Number):\n    pass\n"},
            "nodes/echo.py",
            1,
            "declares Text",
        ),
        (
            {"messages/messages.proto": lab.PROTO + "message Broken { string = 1; }\n"},
            "messages/messages.proto",
            28,
            "field name",
        ),
        (
            {"messages/messages.proto": lab.PROTO + "message Text { string a = 1; }\n"},
            "messages/messages.proto",
            None,
            "already defined",
        ),
        ({"messages/messages.proto": None}, "messages/messages.proto", None, "missing"),
        ({"requirements.txt": "numpy\n-e .\n"}, "requirements.txt", 2, "this machine"),
    ],
)
def test_wrong_package_is_refused_with_file_and_line(user: User, changes, file, line, words):
    answer = user.push(lab.package(changes))
    assert answer.status_code in (400, 422), answer.text
    body = answer.json()
    assert body["code"] in ("INVALID", "MALFORMED")
    found = [problem for problem in body["problems"] if problem.get("file") == file]
    assert found, body
    told = [problem for problem in found if words in problem["message"]]
    assert told, found
    if line is not None:
        assert line in [problem.get("line") for problem in told], told


def test_all_problems_of_a_package_are_told_at_once(user: User, refused):
    changes = {"nodes/echo.py": None, "nodes/shout.py": "def shout(ax):\n    pass\n"}
    assert len(refused(user.push(lab.package(changes)), 422, "INVALID")) == 2


def test_package_that_is_no_archive_is_refused(user: User, refused):
    for body in (b"", b"no zip", b"PK\x03\x04 broken"):
        refused(user.http.post("/app/v1/packages", content=body), 400, "MALFORMED")


def test_package_with_text_that_is_not_utf8_is_refused(user: User):
    from axiomd.authoring.bundle import Bundle, pack

    right = {path: text.encode() for path, text in lab.package().items()}
    for path in ("axiom.yaml", "messages/messages.proto", "nodes/echo.py", "requirements.txt"):
        broken = pack(Bundle({**right, path: right.get(path, b"") + b"# \xff\n"}))
        answer = user.http.post("/app/v1/packages", content=broken)
        assert answer.status_code in (400, 422), (path, answer.text)
        assert path in answer.text


# -- flows ------------------------------------------------------------------------------------


def compiled(user: User, document: dict[str, Any]) -> Any:
    saved = user.http.put(f"/app/v1/flows/{document['name']}", json=document)
    assert saved.status_code == 200, saved.text
    return user.http.post(f"/app/v1/flows/{document['name']}/compile")


def test_same_flow_compiles_to_the_same_artifact(user: User):
    document = flow("again", {"a": "Echo", "b": "Shout"}, ("a b",))
    first, second = compiled(user, document), compiled(user, document)
    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.json()["created"], second.json()["created"]) == (True, False)
    assert first.json()["graph_id"] == second.json()["graph_id"]


def test_flow_in_yaml_is_the_same_flow(user: User):
    text = (
        "name: acme/written\nnodes:\n"
        "  - {alias: a, package: acme/lab@1.0.0, node: Echo}\n"
        "  - {alias: b, package: acme/lab@1.0.0, node: Shout}\n"
        "edges:\n  - {from: a, to: b}\n"
    )
    headers = {"Content-Type": "application/yaml"}
    path = "/app/v1/flows/acme/written"
    assert user.http.put(path, content=text, headers=headers).status_code == 200
    written = user.http.post(f"{path}/compile").json()["graph_id"]
    assert user.compile(flow("written", {"a": "Echo", "b": "Shout"}, ("a b",))) == written


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (flow("bad", {"a": "Echo", "b": "Echo"}, ("a b", "b a")), ("cycle",)),
        (
            flow("bad", {"a": "Echo", "b": "Echo", "c": "Echo"}, ("a b", "a c")),
            ("'b'", "'c'", "terminal"),
        ),
        (flow("bad", {"a": "Echo", "b": "Echo"}), ("entry",)),
        (flow("bad", {"a": "Echo", "b": "Twice"}, ("a b",)), ("'a'", "'b'", "number")),
        (flow("bad", {"a": "Ecko"}), ("'Echo'",)),
        (flow("bad", {"a": {"package": "acme/lap@1.0.0", "node": "Echo"}}), ("acme/lab@1.0.0",)),
        (flow("bad", {"a": {"package": "acme/lab@1.0.9", "node": "Echo"}}), ("1.0.0",)),
        (flow("bad", {"one": "Echo", "b": "Echo"}, ("onne b",)), ("did you mean 'one'",)),
        (flow("bad", {}), ("",)),
    ],
)
def test_flow_that_does_not_compile_is_refused_by_canvas_id(user: User, refused, document, words):
    problems = refused(compiled(user, document), 422, "COMPILE_FAILED")
    text = "\n".join(problems)
    assert all(word in text for word in words), problems


def test_type_mismatch_names_each_field(user: User, refused):
    proto = lab.PROTO.replace(
        "message Other {", "message Taker { Other other = 1; }\nmessage Other {"
    )
    manifest = (
        lab.package(version="3.0.0")["axiom.yaml"]
        + "  - {name: Take, input: Other, output: Text}\n"
    )
    source = "from gen.messages_pb2 import Text\n\ndef take(ax, input):\n    return Text()\n"
    pushed = user.push(
        lab.package(
            {"axiom.yaml": manifest, "nodes/take.py": source, "messages/messages.proto": proto},
            version="3.0.0",
        )
    )
    assert pushed.status_code == 201, pushed.text
    package = "acme/lab@3.0.0"
    document = flow(
        "bad",
        {"a": {"package": package, "node": "Echo"}, "b": {"package": package, "node": "Take"}},
        ("a b",),
    )
    problems = refused(compiled(user, document), 422, "COMPILE_FAILED")
    assert len(problems) == 2
    assert all("'a' sends acme.lab.Text, 'b' takes acme.lab.Other" in told for told in problems)
    assert any("text" in told.split(": ", 2)[2] for told in problems)
    assert any("count" in told.split(": ", 2)[2] for told in problems)


WRONG_CONFIG = {
    "compose": {"text": {"cel": "inputs.a.text"}},
    "fan_out": {"items": "value.words"},
    "hitl": {"timeout_policy": "CANCEL"},
    "compensate": {"node": "Ecco"},
    "join": {"kind": "XOR"},
}
WRONG_EDGE = {
    "adapter": {"txt": "text"},
    "condition": {"op": "GT", "field": "cont", "value": "1"},
    "max_iterations": 3,
}


@pytest.mark.parametrize("key", WRONG_CONFIG)
def test_configuration_out_of_place_is_refused_by_its_key(user: User, refused, key):
    placement = {"node": "Echo", "config": {key: WRONG_CONFIG[key]}}
    problems = refused(compiled(user, flow("wrong", {"a": placement})), 422, "COMPILE_FAILED")
    assert all(told.startswith(f"nodes[0].config.{key}") for told in problems), problems


@pytest.mark.parametrize("key", WRONG_EDGE)
def test_an_edge_out_of_place_is_refused_by_its_key(user: User, refused, key):
    edge = {"from": "a", "to": "b", key: WRONG_EDGE[key]}
    document = flow("wrong", {"a": "Echo", "b": "Echo"}, (edge,))
    problems = refused(compiled(user, document), 422, "COMPILE_FAILED")
    assert all(told.startswith(f"edges[0].{key}") for told in problems), problems


def test_a_subflow_that_is_not_there_is_refused(user: User, refused):
    document = flow("wrong", {"a": "Echo"})
    document["nodes"].append({"alias": "c", "subflow": "01JZZZZZZZZZZZZZZZZZZZZZZZ"})
    document["edges"].append({"from": "a", "to": "c"})
    (problem,) = refused(compiled(user, document), 422, "COMPILE_FAILED")
    assert problem.startswith("nodes[1].subflow: 'c': there is no artifact")


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({**single("Echo"), "nods": []}, "nods"),
        ({**single("Echo"), "edges": [{"from": "a"}]}, "edges[0].to"),
        ({**single("Echo"), "nodes": {}}, "nodes"),
        ({**single("Echo"), "nodes": [{"alias": "a b"}]}, "nodes[0].alias"),
        ({**single("Echo"), "name": "acme/other"}, "name"),
        ([], ""),
    ],
)
def test_document_that_is_no_flow_is_refused_by_path(user: User, refused, document, path):
    answer = user.http.put("/app/v1/flows/acme/echo", json=document)
    problems = refused(answer, 422, "INVALID")
    assert path in [told.split(": ")[0] for told in problems]


def test_broken_yaml_of_a_flow_is_refused_with_its_line(user: User):
    headers = {"Content-Type": "application/yaml"}
    for text in (
        b"name: [a\n",
        b"name: a\n\tb: c\n",
        b"a: &x [*x]\n",
        b"\xff\xfe",
        b"a: 1\na: 2\n",
    ):
        answer = user.http.put("/app/v1/flows/acme/echo", content=text, headers=headers)
        assert answer.status_code in (400, 422), (text, answer.text)
        assert answer.json()["error"]


# -- inputs -----------------------------------------------------------------------------------


def test_every_wrong_field_is_told_by_its_path(user: User, graph, refused):
    given = {
        "txt": "",
        "count": "many",
        "flag": "yes",
        "words": ["a", 2, "c", None],
        "nested": {"depth": 1.5, "items": [{}, {"deep": 1}]},
        "small_number": 2**31,
        "ms": "NaNa",
    }
    problems = refused(user.invoke(graph("Echo"), given), 422, "INVALID")
    paths = {told.split(": ")[0] for told in problems}
    assert paths == {
        "input.txt",
        "input.count",
        "input.flag",
        "input.words[1]",
        "input.words[3]",
        "input.nested.depth",
        "input.nested.items[1].deep",
        "input.small_number",
        "input.ms",
    }


@pytest.mark.parametrize("given", [[], "text", 7, True, None])
def test_input_that_is_no_object_is_refused(user: User, graph, refused, given):
    (problem,) = refused(user.invoke(graph("Echo"), given), 422, "INVALID")
    assert problem.startswith("input: ")


def test_ten_thousand_unknown_fields_are_refused_in_a_bounded_answer(user: User, graph, refused):
    given = {f"field_{number}": number for number in range(10_000)}
    answer = user.invoke(graph("Echo"), given)
    assert 1 <= len(refused(answer, 422, "INVALID")) <= 100
    assert len(answer.content) < 100_000


def test_ten_thousand_items_are_taken(user: User, graph):
    given = {"words": [str(number) for number in range(10_000)]}
    output = user.invoke(graph("Echo"), given, wait=True).json()["result"]["output"]
    assert output["words"] == given["words"]


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"inner": value}
    return {"nested": value}


def test_deep_input_is_taken_to_the_limit_and_refused_beyond(user: User, graph, refused):
    assert user.invoke(graph("Echo"), nested(90), wait=True).json()["result"]["success"]
    refused(user.invoke(graph("Echo"), nested(200)), 422, "INVALID")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 40_000, '{"input":' + "[" * 90_000])
def test_bottomless_json_is_refused(user: User, refused, text):
    for path in (INVOKE, f"{INVOKE}/stream", "/app/v1/keys"):
        refused(user.http.post(path, content=text), 400, "MALFORMED")


# -- bodies -----------------------------------------------------------------------------------


BAD_JSON = [
    b"",
    b"{",
    b"nonsense",
    b'{"graph_id": }',
    b'{"graph_id": "x"} trailing',
    b"\xff\xfe",
    b'{"graph_id": "\xe9"}',
    b'{"graph_id": "x", "timeout_seconds": NaN}',
    b'{"graph_id": "x", "timeout_seconds": Infinity}',
    b'{"graph_id": 1' + b"0" * 5000 + b"}",
]


@pytest.mark.parametrize("body", BAD_JSON, ids=range(len(BAD_JSON)))
@pytest.mark.parametrize("path", [INVOKE, f"{INVOKE}/stream", "/app/v1/keys"])
def test_bad_json_is_malformed(user: User, refused, path, body):
    refused(user.http.post(path, content=body), 400, "MALFORMED")


@pytest.mark.parametrize("path", [INVOKE, f"{INVOKE}/stream"])
def test_wrong_body_is_told_key_by_key(user: User, refused, path):
    body = {"graph": "x", "timeout_seconds": "long"}
    problems = refused(user.http.post(path, json=body), 422, "INVALID")
    assert sorted(told.split(": ")[0] for told in problems) == [
        "graph",
        "graph_id",
        "timeout_seconds",
    ]
    for text in ("[]", '"x"', "null", "1"):
        refused(user.http.post(path, content=text), 422, "INVALID")


@pytest.mark.parametrize(
    "graph_id", ["", "x", "01JZZZZZZZZZZZZZZZZZZZZZZZ", "é", "\x00", "a" * 9999]
)
@pytest.mark.parametrize("path", [INVOKE, f"{INVOKE}/stream"])
def test_unknown_artifact_is_not_found(user: User, refused, path, graph_id):
    answer = user.http.post(path, json={"graph_id": graph_id})
    refused(answer, 404, "NOT_FOUND")
    assert user.http.get("/app/v1/artifacts/nothing").status_code == 404


@pytest.mark.parametrize("field", ["graph_id", "config_id"])
def test_half_a_surrogate_pair_is_not_text(user: User, graph, field):
    body = json.dumps({"graph_id": graph("Echo"), field: "\ud800"})
    answer = user.http.post(INVOKE, content=body)
    assert 400 <= answer.status_code < 500, answer.text
    answer = user.http.post(INVOKE, content='{"graph_id": "x", "\\ud800": 1}')
    assert answer.status_code == 422, answer.text
    answer = user.http.post("/app/v1/keys", content='{"name": "\\ud800"}')
    assert answer.status_code == 422, answer.text
    given = '{{"graph_id": "{}", "input": {{"text": "\\ud800"}}}}'.format(graph("Echo"))
    answer = user.http.post(INVOKE, content=given, headers={"Idempotency-Key": "half"})
    assert answer.status_code == 422, answer.text


PATHS_WITH_BODY = [
    ("POST", INVOKE),
    ("POST", f"{INVOKE}/stream"),
    ("POST", "/app/v1/packages"),
    ("PUT", "/app/v1/flows/acme/echo"),
    ("POST", "/app/v1/keys"),
    ("POST", "/invocations/v1/nodes/acme/lab/1.0.0/Echo"),
]


@pytest.mark.parametrize(("method", "path"), PATHS_WITH_BODY)
def test_body_over_the_cap_is_refused_whether_announced_or_chunked(
    user: User, refused, body_bytes_max, method, path
):
    size = body_bytes_max + 1
    refused(user.http.request(method, path, content=b" " * size), 413, "TOO_LARGE")

    def chunks() -> Iterator[bytes]:
        for _ in range(0, size, 4096):
            yield b" " * 4096

    refused(user.http.request(method, path, content=chunks()), 413, "TOO_LARGE")
    assert user.get("/app/v1/flows")["next_cursor"] is None


def test_body_just_below_the_cap_is_taken(user: User, graph, body_bytes_max):
    body = json.dumps({"graph_id": graph("Echo"), "input": {"text": "x"}}).encode()
    padded = body + b" " * (body_bytes_max - len(body))
    assert user.http.post(INVOKE, content=padded).status_code == 202
