"""What people upload and write: whatever it is, it is taken, or refused with its problems."""

import io
import json
import tomllib
import zipfile

import yaml
from fuzz.foreign import changed, damaged, only, texts
from hypothesis import given
from hypothesis import strategies as st

from axiomd.authoring.bundle import Bundle, pack, unpack
from axiomd.authoring.check import check
from axiomd.authoring.requirements import read_requirements
from axiomd.errors import Refused, SettingsInvalid
from axiomd.flow.package import read_manifest
from axiomd.flow.source import flow_document, read_flow_json, read_flow_yaml
from axiomd.limits import PACKAGE_BYTES_MAX
from axiomd.settings import load

MANIFEST = """\
name: acme/orders
version: 1.4.2-rc.1+build
language: python
description: "Orders é"
tags: [a, b]
nodes:
  - {name: Price, input: Order, output: Order, required_secrets: [KEY], once: true}
  - {name: Split, input: Order, output: Line, type: pipeline, concurrency: 4}
imports:
  - {package: acme/base, version: 1.0.0, messages: [Money]}
env:
  - {name: TOKEN, description: x, required: true, secret: true, default: ""}
"""
FLOW = {
    "name": "acme/intake",
    "description": "d",
    "pipeline_mode": False,
    "nodes": [
        {
            "alias": "a",
            "package": "acme/orders@1.4.2",
            "node": "Price",
            "position": {"x": 0, "y": 1},
        },
        {
            "alias": "b",
            "package": "acme/orders@1.4.2",
            "node": "Price",
            "config": {
                "timeout_seconds": 30,
                "retry": {"max_attempts": 5, "jitter": 0.2, "non_retryable": ["ValueError"]},
                "join": {"kind": "AND", "quorum": 2, "timeout_seconds": 60},
                "compose": {"id": {"src": "a", "path": "order.id"}, "sum": {"cel": "inputs.a.x"}},
                "fan_out": {"items": "value.items", "max_parallel": 8},
                "hitl": {"interrupt_payload": {"ask": [1, {"x": None}]}, "timeout_seconds": 3600},
                "compensate": {"node": "Refund", "input": {"receipt": "output.receipt"}},
                "limits": {"memory_mib": 512, "cpu_seconds": 60},
            },
        },
        {"alias": "c", "subflow": "01JX0000000000000000000000"},
    ],
    "edges": [
        {"from": "a", "to": "b", "adapter": {"id": "order_id"}},
        {"from": "b", "to": "a", "loop": True, "max_iterations": 5},
        {"from": "a", "to": "c", "condition": {"op": "GT", "field": "amount", "value": "100"}},
        {"from": "b", "to": "c", "on_error": True, "condition": {"op": "CEL", "cel": "x > 1"}},
    ],
}
REQUIREMENTS = b"""\
\xef\xbb\xbf# what it needs
numpy>=2 ; python_version > "3.8"
requests[socks]==2.31.0 \\
    --hash=sha256:aaaa
-r other.txt
--index-url https://x
./local
git+https://x/y.git@main
${HOME}/x
"""
SETTINGS = """\
[server]
bind = "127.0.0.1:8700"
names = ["box.example"]
send_timeout_s = 60
[runners]
readable = ["/srv"]
spare = false
[log]
level = "debug"
"""
PACKAGE = {
    "axiom.yaml": MANIFEST.encode(),
    "messages/messages.proto": b'syntax = "proto3";\nmessage Order { string id = 1; }\n',
    "nodes/price.py": b"def price(ax, input):\n    return input\n",
    "requirements.txt": REQUIREMENTS,
}


def stored(files: dict[str, bytes]) -> bytes:
    """An archive that is not compressed, so that damage reaches the files in it."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for path, content in files.items():
            target.writestr(path, content)
    return archive.getvalue()


def as_yaml(value: object) -> bytes:
    """YAML, which JSON is; what it cannot spell is spelled somehow."""
    return json.dumps(value).encode()


@given(damaged(pack(Bundle(PACKAGE)), stored(PACKAGE)))
def test_any_archive_is_a_package_or_refused(sent):
    bundle = only(Refused, lambda: unpack(sent))
    if bundle is not None:
        assert sum(map(len, bundle.files.values())) <= PACKAGE_BYTES_MAX
        assert all(
            not path.startswith("/") and ".." not in path.split("/") for path in bundle.files
        )
        assert unpack(pack(bundle)).digest == bundle.digest


@given(damaged(MANIFEST.encode()), damaged(PACKAGE["nodes/price.py"]))
def test_any_manifest_and_node_make_a_package_or_problems(manifest, node):
    only(Refused, lambda: read_manifest(manifest))
    files = {**PACKAGE, "axiom.yaml": manifest, "nodes/price.py": node}
    files.pop("messages/messages.proto")
    only(Refused, lambda: check(Bundle(files)))


@given(st.one_of(damaged(yaml.safe_dump(FLOW).encode()), changed(FLOW).map(as_yaml)))
def test_any_flow_as_yaml_is_read_or_refused(text):
    source = only(Refused, lambda: read_flow_yaml(text))
    if source is not None:
        assert read_flow_json(flow_document(source)) == source


@given(changed(FLOW))
def test_any_flow_as_json_is_read_or_refused(value):
    source = only(Refused, lambda: read_flow_json(value))
    if source is not None:
        # As a client would send it again.
        assert read_flow_json(json.loads(json.dumps(flow_document(source)))) == source


@given(damaged(REQUIREMENTS))
def test_any_requirements_are_read_with_their_problems(content):
    read, problems = only((), lambda: read_requirements({"requirements.txt": content}))
    for line in read.lines:
        assert "\n" not in line
    assert all(problem.message for problem in problems)


@given(damaged(SETTINGS.encode()))
def test_any_settings_file_is_taken_or_refused_with_its_problems(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    only(SettingsInvalid, lambda: load(path, {}, {}))


@given(changed(tomllib.loads(SETTINGS)), texts("1", "true", "a:b", "60.0"))
def test_any_setting_of_the_environment_is_taken_or_refused(value, text):
    names = ("AXIOMD_ENGINE_SLOTS", "AXIOMD_RUNNERS_READABLE", "AXIOMD_SERVER_KEEP_ALIVE_S")
    for name in names:
        only(SettingsInvalid, lambda name=name: load(None, {name: text}, {}))
    flags = {"server.names": value, "engine.slots": value}
    only(SettingsInvalid, lambda: load(None, {}, flags))
