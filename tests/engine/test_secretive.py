"""Calls get the secrets that their nodes declare, and what they say has none of them."""

from contextlib import asynccontextmanager

import attrs
import trio
from worlds.flows import BRANCHING
from worlds.vaults import BY, manifest, open_provision, open_vault, wanted

from axiomd.engine.provision import Provision
from axiomd.engine.secretive import secretive
from axiomd.execution.call import Failure, NodeCall, NodeEvent, Output
from axiomd.flow.package import EnvSpec
from axiomd.runners.inline import InlineRunner

NEEDS_TOKEN = manifest(
    {"Send": ("TOKEN",), "Plain": ()},
    EnvSpec("REGION", default="eu"),
    EnvSpec("UNSET"),
    EnvSpec("EXTRA", secret=True, default="public"),
)


def node_call(node, **changes):
    call = NodeCall(
        execution_id="e" * 32,
        graph_id="G",
        tenant="default",
        placement="p",
        position="p",
        attempt=1,
        effect_key="k",
        digest="d",
        node=node,
        kind="unary",
        input_type="In",
        output_type="Out",
        payload=b"",
        timeout_s=5,
    )
    return attrs.evolve(call, **changes)


async def tell(call, emit):
    """A node that tells everything that it knows."""
    value = call.secrets.get("TOKEN", "")
    emit(NodeEvent("log", "info", f"is {value}", {"value": value}))
    if call.payload:
        raise ValueError(f"no {value}")
    return repr((dict(call.secrets), dict(call.config))).encode()


async def stream(call, emit, inputs):
    emit(NodeEvent("log", "info", call.secrets["TOKEN"]))
    async for item in inputs:
        yield item
    raise RuntimeError(call.secrets["TOKEN"])


@asynccontextmanager
async def running(declared=NEEDS_TOKEN, **values):
    inline = InlineRunner({"Send": tell, "Plain": tell}, {"Send": stream})
    async with open_provision(declared, **values) as provision:
        yield secretive({"inline": inline}, provision)["inline"]


async def test_a_call_gets_what_its_node_declares_and_nothing_else():
    async with running(TOKEN="s3cret", OTHER="not declared") as runner:
        said = []
        outcome = await runner.run(node_call("Send"), said.append)
        assert outcome == Output(
            repr(({"EXTRA": "public", "TOKEN": "s3cret"}, {"REGION": "eu"})).encode()
        )
        assert [event.message for event in said[1:]] == ["is [secret TOKEN]"]
        assert said[1].attributes == {"value": "[secret TOKEN]"}
        outcome = await runner.run(node_call("Plain"), lambda _: None)
        assert outcome == Output(repr(({"EXTRA": "public"}, {"REGION": "eu"})).encode())


async def test_a_default_of_the_package_is_replaced_by_a_secret_of_the_same_name():
    async with running(TOKEN="s3cret", EXTRA="private") as runner:
        outcome = await runner.run(node_call("Plain"), lambda _: None)
        assert b"private" in outcome.payload


async def test_a_failure_tells_no_secret():
    async with running(TOKEN="s3cret") as runner:
        outcome = await runner.run(node_call("Send", payload=b"x"), lambda _: None)
        assert isinstance(outcome, Failure)
        assert outcome.message == "ValueError: no [secret TOKEN]"
        assert "s3cret" not in outcome.detail
        assert "[secret TOKEN]" in outcome.detail


async def test_what_is_missing_is_a_failure_of_its_own_and_the_node_is_not_called():
    async with running() as runner:
        said = []
        outcome = await runner.run(node_call("Send"), said.append)
        assert isinstance(outcome, Failure)
        assert (outcome.kind, said) == ("SECRET_MISSING", [])
        assert "`axiomd secrets set TOKEN`" in outcome.message
        call = node_call("Send", kind="pipeline")
        async with runner.stream(call, said.append) as opened:
            await opened.send(b"x")
            await opened.send_end()
            assert await opened.receive() == outcome
        assert said == []


async def test_another_tenants_secret_is_missing():
    async with open_provision(NEEDS_TOKEN, tenant="other", TOKEN="s3cret") as provision:
        outcome = provision.of(node_call("Send"))
        assert isinstance(outcome, Failure)
        assert outcome.kind == "SECRET_MISSING"


async def test_a_stream_tells_no_secret_either():
    async with running(TOKEN="s3cret") as runner:
        said = []
        call = node_call("Send", kind="pipeline")
        async with runner.stream(call, said.append) as opened, trio.open_nursery() as nursery:
            nursery.start_soon(opened.send, b"s3cret")
            # Frames are the node's own data.
            assert await opened.receive() == [b"s3cret"]
            await opened.send_end()
            failure = await opened.receive()
        assert failure.message == "RuntimeError: [secret TOKEN]"
        assert "s3cret" not in failure.detail
        assert [event.message for event in said] == ["", "[secret TOKEN]"]


async def test_the_first_config_of_a_chain_that_has_a_value_gives_it(tmp_path):
    with open_vault(tmp_path) as opened:
        provision = Provision(lambda *_: NEEDS_TOKEN, opened.secrets, opened.configs)

        def given(*config_ids):
            return provision.of(node_call("Send", config_ids=config_ids)).secrets["TOKEN"]

        await opened.secrets.put("default", "TOKEN", "of the tenant", BY)
        first = await opened.configs.create("default", wanted("a", secrets={"TOKEN": "first"}), BY)
        second = await opened.configs.create(
            "default", wanted("b", secrets={"TOKEN": "second"}), BY
        )
        other = await opened.configs.create("stranger", wanted("b", secrets={"TOKEN": "alien"}), BY)
        chain = first.config_id, second.config_id
        assert given() == "of the tenant"
        assert given(*chain) == "first"
        assert given(*chain[::-1]) == "second"
        assert given(other.config_id) == "of the tenant"
        await opened.configs.delete("default", first.config_id, BY)
        assert given(*chain) == "second"
        await opened.configs.delete("default", second.config_id, BY)
        assert given(*chain) == "of the tenant"


async def test_what_is_missing_is_a_warning_at_the_compile(tmp_path):
    artifact = BRANCHING.artifact
    with open_vault(tmp_path) as opened:
        names = {placement.node: ("TOKEN",) for placement in artifact.placements[:1]}
        provision = Provision(lambda *_: manifest(names), opened.secrets, opened.configs)
        (warning, *_) = provision.warnings(artifact)
        assert warning.path == "nodes[0]"
        assert f"'{artifact.placements[0].alias}'" in warning.message
        assert "`axiomd secrets set TOKEN`" in warning.message
        await opened.configs.create(
            artifact.tenant, wanted(flow=artifact.flow, secrets={"TOKEN": "default of it"}), BY
        )
        assert provision.warnings(artifact) == []
