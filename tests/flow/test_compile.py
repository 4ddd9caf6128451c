"""The compiler: every rule, each refusal under the canvas IDs, and artifacts that never wobble."""

import itertools

import attrs
import pytest
from authored import ORDERS, PASS, compiled, edged, flow, package, placed, refused
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from protos import descriptor_set

from axiomd.errors import CompileFailed
from axiomd.flow.artifact import Artifact, Edge, FanOut, Hitl, Join, Placement, Retry
from axiomd.flow.package import NodeSpec, PackageManifest, PushedPackage
from axiomd.limits import PROBLEMS_MAX

PLAIN = "ba39d4d2257991760e8ab0d3be332b602b8551c76eeed9f6d77d409fa0ae22d5"
RICH = "00aeee6d4592484fe953be19827b50940b459354d03783cb023c9c6e4728fdd5"


def test_a_branching_flow_compiles_to_its_placements_edges_entry_and_terminal():
    artifact = compiled(flow("a>b a>c b>d c>d"))
    assert [placement.alias for placement in artifact.placements] == ["a", "b", "c", "d"]
    assert artifact.edges == (Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3))
    assert (artifact.entry, artifact.terminal, artifact.mode) == (0, 3, "unary")
    assert artifact.incoming[3] == (2, 3)
    assert artifact.outgoing[0] == (0, 1)
    assert artifact.is_gate(3)
    assert (artifact.graph_id, artifact.created_ns, artifact.tenant) == ("01JX", 7, "t1")


def test_a_placement_is_resolved_to_digest_messages_and_limits():
    node = placed("a", position={"x": 1, "y": 2}, config={"timeout_seconds": 5})
    pushed = package(("Pass", "Order", "acme.orders.Wide", "", "unary", (), True, 4))
    placement = compiled(flow("", [node]), pushed).placements[0]
    assert placement.package == "acme/orders@1.4.2"
    assert placement.digest == "d1" * 32
    assert (placement.input_type, placement.output_type) == (
        "acme.orders.Order",
        "acme.orders.Wide",
    )
    assert (placement.timeout_s, placement.once, placement.concurrency) == (5.0, True, 4)
    assert (placement.x, placement.y) == (1.0, 2.0)


def test_columns_and_rows_become_pixels():
    node = placed("a", position={"col": 2, "row": 1})
    placement = compiled(flow("", [node])).placements[0]
    assert (placement.x, placement.y) == (560, 140)


def test_one_placement_alone_is_a_flow():
    artifact = compiled(flow("", [placed("only")]))
    assert artifact.entry == artifact.terminal == 0


def test_edges_keep_the_order_of_the_source():
    artifact = compiled(flow("a>c a>b c>d b>d"))
    assert [artifact.edges[e].source for e in artifact.incoming[3]] == [2, 1]


# Identity


def test_same_content_has_the_same_hash_whatever_its_id_and_age():
    first = compiled(flow("a>b"))
    again = compiled(flow("a>b"), graph_id="01JY", created_ns=8)
    assert first.content_hash == again.content_hash
    assert len(first.content_hash) == 64


def test_any_change_has_another_hash():
    other_digest = package(("Pass", "Order", "Order"), digest="d2" * 32)
    hashes = [
        compiled(flow("a>b")),
        compiled(flow("a>b"), other_digest),
        compiled(flow("a>b"), tenant="t2"),
        compiled(flow("a>b", description="x")),
        compiled(flow("a>b", name="acme/other")),
        compiled(flow("a>b", pipeline_mode=True)),
        compiled(flow("a>b", [placed("b"), placed("a")])),
        compiled(flow("a>b", [placed("a"), placed("b", config={"timeout_seconds": 9})])),
        compiled(flow("a>b", [placed("a"), placed("b", position={"x": 1, "y": 1})])),
        compiled(flow("a>b b>c a>c")),
        compiled(flow("a>b a>c b>c")),
    ]
    assert len({artifact.content_hash for artifact in hashes}) == len(hashes)


def test_what_a_flow_does_without_is_no_part_of_its_hash():
    """These digests are in stores: a change here gives every unchanged flow a new artifact."""
    plain = compiled(flow("a>b"))
    assert plain.content_hash == PLAIN
    rich = edged(
        flow(
            "a>b a>c b>d c>d",
            [
                placed("a", config={"retry": {"max_attempts": 3}}),
                placed("b", config={"timeout_seconds": 9}),
                placed("c", config={"hitl": {"timeout_seconds": 60}}),
                placed("d", config={"join": {"quorum": 1}}),
            ],
        ),
        {"condition": {"op": "CEL", "cel": "qty > 1"}},
    )
    assert compiled(rich).content_hash == RICH


def test_defaults_that_hashes_leave_out_stay_what_they_are():
    placement = {"runner": "process", "timeout_s": None, "once": False, "concurrency": 1}
    placement |= {"fresh": False, "gathers": False, "compose": None, "subflow": ""}
    known = {
        Retry: (1, 1_000.0, 2.0, 60_000.0, 0.0, ()),
        Join: ("AND", "FAIL_FAST", 0, 0.0, "FAIL"),
        Hitl: ("null", 0.0, "FAIL"),
    }
    for kind, values in known.items():
        assert attrs.astuple(kind()) == values
    defaults = {field.name: field.default for field in attrs.fields(Placement)}
    assert placement.items() <= defaults.items()
    edge = {field.name: field.default for field in attrs.fields(Edge)}
    assert {"loop": False, "on_error": False, "condition": ""}.items() <= edge.items()
    assert (FanOut("x").max_parallel, attrs.fields(Artifact).description.default) == (0, "")


# Names


def test_two_placements_cannot_share_a_canvas_id():
    found = refused(flow("a>b", [placed("a"), placed("b"), placed("a")]))
    assert found == [("nodes[2].alias", "'a' is already the alias of nodes[0]")]


def test_an_unknown_alias_in_an_edge_names_the_nearest_and_no_followup_problems():
    found = refused(flow("ingest>pricee", [placed("ingest"), placed("price")]))
    assert found == [("edges[0].to", "no placement is called 'pricee', did you mean 'price'?")]


def test_both_ends_of_an_edge_are_checked():
    found = refused(flow("q>r", [placed("a")]))
    assert [path for path, _ in found] == ["edges[0].from", "edges[0].to"]


def test_an_unknown_version_names_the_closest_one():
    ((path, message),) = refused(flow("", [placed("a", ref="acme/orders@1.4.3")]))
    assert path == "nodes[0].package"
    assert "did you mean 'acme/orders@1.4.2'" in message
    assert message.startswith("'a': ")


def test_an_unknown_package_names_the_closest_one_of_all_that_are_pushed():
    ((_, message),) = refused(
        flow("", [placed("a", ref="acme/order@1.0.0")]),
        known_packages=["acme/orders@1.0.0", "acme/orders@2.0.0"],
    )
    assert "did you mean 'acme/orders@1.0.0'" in message


def test_a_suggested_package_comes_in_its_newest_version():
    known = ["acme/words@0.9.0", "acme/words@0.10.0", "acme/words@0.10.0-rc.1"]
    ((_, message),) = refused(flow("", [placed("a", ref="acme/wrds@3.0.0")]), known_packages=known)
    assert "did you mean 'acme/words@0.10.0'" in message


def test_a_package_like_no_other_is_said_not_to_be_pushed():
    ((_, message),) = refused(flow("", [placed("a", ref="zzz/qqq@1.0.0")]))
    assert "no version of it has been pushed" in message


def test_an_unknown_node_names_the_closest_one():
    ((path, message),) = refused(flow("", [placed("a", node="Pas")]))
    assert path == "nodes[0].node"
    assert "did you mean 'Pass'" in message
    assert message.startswith("'a': ")


def test_problems_carry_file_and_line():
    text = """\
name: acme/flow
nodes:
  - alias: a
    package: acme/orders@9.9.9
    node: Pass
  - {alias: b, package: acme/orders@1.4.2, node: Pass}
edges:
  - {from: a, to: b}
  - {from: b, to: a}
"""
    with pytest.raises(CompileFailed) as failure:
        compiled(text)
    places = [(p.path, p.file, p.line) for p in failure.value.problems]
    assert places == [("nodes[0].package", "flow.yaml", 4), ("edges[1]", "flow.yaml", 9)]


# Shape


def test_a_flow_has_at_least_one_placement():
    assert refused({"name": "acme/x"}) == [("nodes", "a flow has at least one placement")]


def test_a_flow_has_exactly_one_entry():
    ((path, message),) = refused(flow("a>c b>c"))
    assert path == "nodes"
    assert "exactly one entry" in message
    assert "'a', 'b'" in message


def test_a_flow_has_exactly_one_terminal():
    ((path, message),) = refused(flow("a>b a>c"))
    assert path == "nodes"
    assert "exactly one terminal" in message
    assert "'b', 'c'" in message


def test_a_placement_that_nothing_leads_to_is_unreachable():
    nodes = [placed("a"), placed("b"), placed("stray")]
    ((path, message),) = refused(flow("a>b", nodes))
    assert path == "nodes[2]"
    assert "'stray' is unreachable" in message
    assert "the entry 'a'" in message


def test_placements_that_only_lead_to_each_other_are_a_cycle_and_unreachable():
    found = refused(flow("a>b c>d d>c"))
    assert [path for path, _ in found] == ["edges[2]", "nodes[2]", "nodes[3]"]


def test_a_cycle_is_named_alias_by_alias():
    ((path, message),) = refused(flow("s>a a>b b>c c>a c>t"))
    assert path == "edges[3]"
    assert "a → b → c → a" in message


def test_a_flow_that_is_one_cycle_is_refused_for_the_cycle_alone():
    ((path, message),) = refused(flow("a>b b>a"))
    assert path == "edges[1]"
    assert "a → b → a" in message


def test_each_edge_that_closes_a_cycle_is_reported():
    found = refused(flow("s>a a>b b>a b>c c>a c>t"))
    assert [path for path, _ in found] == ["edges[2]", "edges[4]"]


def test_a_placement_cannot_lead_to_itself():
    found = refused(flow("a>b a>a"))
    assert found == [("edges[1]", "'a' leads to itself; only a loop may do so")]


def test_a_pair_has_at_most_one_forward_edge():
    ((path, message),) = refused(flow("a>b a>b"))
    assert path == "edges[1]"
    assert "already connected by edges[0]" in message


def test_a_pair_never_has_a_normal_and_an_error_edge():
    value = flow("a>b a>b")
    value["edges"][1]["on_error"] = True
    path, message = refused(value)[0]
    assert path == "edges[1]"
    assert "never both" in message


def test_a_very_long_cycle_is_named_in_short():
    aliases = [f"n{i:03}" for i in range(200)]
    arrows = " ".join(f"{a}>{b}" for a, b in itertools.pairwise([*aliases, aliases[0]]))
    ((_, message),) = refused(flow(arrows))
    assert len(message) < 200
    assert "n000 → n001" in message
    assert message.count("n000") == 2


# Types


def widths(first, second):
    return flow("a>b", [placed("a", first), placed("b", second)])


def test_the_same_message_passes_an_edge():
    assert compiled(widths("Pass", "Stream"))


def test_a_wider_kind_passes_an_edge_and_a_narrower_one_does_not():
    assert compiled(widths("Pass", "Widen"))
    ((path, message),) = refused(widths("Widen", "Pass"))
    assert path == "edges[0]"
    assert "qty is sent as int64, but qty is taken as int32" in message


def test_a_type_mismatch_is_named_field_by_field_and_by_canvas_id():
    found = refused(widths("Pass", "Break"))
    assert [path for path, _ in found] == ["edges[0]"] * 3
    head = "'a' sends acme.orders.Order, 'b' takes acme.orders.Bad: field"
    assert [message for _, message in found] == [
        f"{head} 1: id is sent as string, but id is taken as int32",
        f"{head} 2: qty is sent as int32, but qty is taken as string",
        f"{head} 3: tags is sent as repeated string, but tags is taken as string",
    ]


def test_two_different_messages_cannot_share_a_full_name():
    changed = ORDERS.replace("repeated string tags = 3;", "")
    newer = package(
        ("Pass", "Order", "Order"), ref="acme/orders@2.0.0", proto=changed, digest="d2" * 32
    )
    nodes = [placed("a"), placed("b", ref="acme/orders@2.0.0")]
    ((path, message),) = refused(flow("a>b", nodes), PASS, newer)
    assert path == "nodes[1].package"
    assert "two different messages are called acme.orders.Order" in message
    assert "acme/orders@1.4.2 ('a')" in message
    assert "acme/orders@2.0.0 ('b')" in message


def sharing(name, kind):
    """A package whose message M holds a message `shared.S` with a field of `kind`."""
    shared = FileDescriptorSet.FromString(
        descriptor_set(
            f'syntax = "proto3"; package shared; message S {{ {kind} a = 1; }}', "s.proto"
        )
    )
    own = FileDescriptorProto(name="m.proto", package=name, syntax="proto3", dependency=["s.proto"])
    own.message_type.add(name="M").field.add(
        name="s", number=1, label=1, type=FieldDescriptorProto.TYPE_MESSAGE, type_name=".shared.S"
    )
    files = FileDescriptorSet(file=[*shared.file, own])
    manifest = PackageManifest(
        f"acme/{name}", "1.0.0", "python", nodes=(NodeSpec("Pass", "M", "M"),)
    )
    return PushedPackage(manifest, name * 64, files.SerializeToString())


def test_a_message_deep_inside_another_is_compared_too():
    nodes = [placed("a", ref="acme/p@1.0.0"), placed("b", ref="acme/q@1.0.0")]
    found = refused(flow("a>b", nodes), sharing("p", "int32"), sharing("q", "string"))
    assert [path for path, _ in found] == ["edges[0]", "nodes[1].package"]
    assert "s.a is sent as int32, but s.a is taken as string" in found[0][1]
    assert "two different messages are called shared.S" in found[1][1]


def test_two_versions_with_the_same_messages_live_in_one_flow():
    newer = package(("Pass", "Order", "Order"), ref="acme/orders@2.0.0", digest="d2" * 32)
    nodes = [placed("a"), placed("b", ref="acme/orders@2.0.0")]
    artifact = compiled(flow("a>b", nodes), PASS, newer)
    assert [placement.digest for placement in artifact.placements] == ["d1" * 32, "d2" * 32]


# Mode


def test_any_pipeline_node_makes_the_artifact_a_pipeline():
    artifact = compiled(widths("Pass", "Stream"))
    assert artifact.mode == "pipeline"
    assert [placement.kind for placement in artifact.placements] == ["unary", "pipeline"]


def test_pipeline_mode_makes_unary_nodes_a_pipeline():
    assert compiled(flow("a>b", pipeline_mode=True)).mode == "pipeline"
    assert compiled(flow("a>b", pipeline_mode=False)).mode == "unary"


def test_a_pipeline_node_cannot_run_with_pipeline_mode_off():
    ((path, message),) = refused({**widths("Pass", "Stream"), "pipeline_mode": False})
    assert path == "pipeline_mode"
    assert "'b'" in message


# How placements run


def configured(**config):
    """The placement of a node with this configuration."""
    artifact = compiled(flow("a>b", [placed("a"), placed("b", config=config)]))
    return artifact.placements[1]


def test_a_placement_says_how_its_process_runs():
    found = configured(
        limits={"memory_mib": 64, "cpu_seconds": 2}, fresh=True, once=True, runner="process"
    )
    assert (found.memory_mib, found.cpu_seconds, found.fresh) == (64, 2, True)
    assert (found.once, found.runner) == (True, "process")


def test_one_attempt_is_what_is_made_where_nothing_is_said():
    assert configured().retry == Retry(max_attempts=1)


def test_a_retry_block_has_defaults_for_all_but_the_number_of_attempts():
    assert configured(retry={"max_attempts": 3}).retry == Retry(3, 1_000, 2, 60_000, 0, ())
    given = {
        "max_attempts": 5,
        "initial_interval_ms": 10,
        "backoff_coefficient": 3,
        "max_interval_ms": 100,
        "jitter": 0.5,
        "non_retryable": ["ValueError", "TIMEOUT"],
    }
    assert configured(retry=given).retry == Retry(5, 10, 3, 100, 0.5, ("ValueError", "TIMEOUT"))
    assert configured(retry={"max_attempts": 2, "jitter": True}).retry.jitter == 0.25


def test_another_retry_makes_another_artifact():
    one, other = (
        compiled(flow("a>b", [placed("a"), placed("b", config={"retry": {"max_attempts": n}})]))
        for n in (2, 3)
    )
    assert one.content_hash != other.content_hash


def test_a_runner_that_does_not_exist_is_refused_with_the_nearest_one():
    nodes = [placed("a"), placed("b", config={"runner": "proces"})]
    ((path, message),) = refused(flow("a>b", nodes))
    assert path == "nodes[1].config.runner"
    assert "did you mean 'process'?" in message


def test_once_is_refused_in_a_pipeline():
    nodes = [placed("a"), placed("b", config={"once": True})]
    ((path, message),) = refused(flow("a>b", nodes, pipeline_mode=True))
    assert path == "nodes[1]"
    assert "'b' is declared once" in message


def test_an_xor_gate_of_a_pipeline_is_another_artifact_than_an_and_gate():
    nodes = {
        kind: [*map(placed, "abc"), placed("d", config={"join": {"kind": kind}})]
        for kind in ("AND", "XOR")
    }
    gates = {
        kind: compiled(flow("a>b a>c b>d c>d", nodes[kind], pipeline_mode=True)) for kind in nodes
    }
    assert [gates["XOR"].is_xor_gate(number) for number in range(4)] == [False] * 3 + [True]
    assert not gates["AND"].is_xor_gate(3)
    assert gates["AND"].content_hash != gates["XOR"].content_hash


def test_switches_that_are_off_are_as_if_they_were_not_there():
    source = flow("a>b", [placed("a"), placed("b", config={"once": False, "fresh": False})])
    source["edges"][0].update(loop=False, on_error=False, adapter=None)
    assert compiled(source).content_hash == compiled(flow("a>b")).content_hash


# All at once


def test_all_problems_are_reported_together_and_never_by_node_name():
    nodes = [placed("in"), placed("x", node="Break"), placed("y"), placed("in"), placed("z")]
    source = flow("in>x x>y y>x x>q", nodes)
    found = refused(source)
    assert {path for path, _ in found} == {
        "nodes[3].alias",
        "edges[0]",
        "edges[1]",
        "edges[2]",
        "edges[3].to",
    }
    assert not any("Pass" in message or "Break" in message for _, message in found)


def test_problems_are_capped():
    nodes = [placed(f"n{i}", node="Nope") for i in range(2 * PROBLEMS_MAX)]
    with pytest.raises(CompileFailed, match="more than 100 problems") as failure:
        compiled(flow("", nodes))
    assert len(failure.value.problems) == PROBLEMS_MAX


def test_the_title_counts_the_problems():
    with pytest.raises(CompileFailed, match=r"the flow acme/flow does not compile: 1 problem$"):
        compiled(flow("a>b b>a"))


def test_a_chain_of_ten_thousand_placements_compiles():
    aliases = [f"n{i:05}" for i in range(10_000)]
    artifact = compiled(flow(" ".join(f"{a}>{b}" for a, b in itertools.pairwise(aliases))))
    assert (artifact.entry, artifact.terminal) == (0, 9_999)


def test_a_compiled_artifact_is_a_plain_value():
    artifact = compiled(flow("a>b"))
    assert attrs.evolve(artifact, created_ns=9).content_hash == artifact.content_hash
