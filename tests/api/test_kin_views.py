"""How parents and children name each other to whoever looks at them."""

from types import SimpleNamespace

from rich.console import Console
from worlds.box import open_box
from worlds.flows import Behaviour, Story, flow, nesting
from worlds.invariants import stored_executions

from axiomd.api.views import checkpoint_view, checkpoints_after, execution_view
from axiomd.cli.executions import steps_table
from axiomd.execution.status import Residence

CHILD = Story(flow("p"))
HANGING = Story(flow("p"), {"p": Behaviour("hang")})


def shown(box, execution_id):
    """Its checkpoints; what went in and out is left out."""
    artifact = box.artifact_of(execution_id)
    messages = [None] * len(artifact.placements)
    loaded = SimpleNamespace(artifact=artifact, inputs=messages, outputs=messages)
    entries = box.reader.whole_journal(execution_id)
    return [
        checkpoint_view(loaded, checkpoint, lambda _, __: None)
        for checkpoint in checkpoints_after(artifact, entries, -1)
    ]


async def test_a_checkpoint_of_a_subflow_names_its_child(make_world, autojump_clock):
    async with open_box(make_world(nesting("a>s s>b", {"s": CHILD}))) as box:
        execution = await box.ended(await box.accept(b"in"))
        (child,) = [one for one in stored_executions(box.store) if one.parent_id]
        views = {view["position"]: view for view in shown(box, execution.execution_id)}
        assert views["s"]["child"] == child.execution_id
        assert "child" not in views["a"]
        assert execution_view(child)["parent_id"] == execution.execution_id
        assert execution_view(execution)["parent_id"] is None
        table = steps_table(list(views.values()))
        console = Console(width=200)
        with console.capture() as printed:
            console.print(table)
        assert f"s (execution {child.execution_id})" in printed.get()


async def test_a_parked_parent_says_which_children_it_waits_for(make_world, autojump_clock):
    async with open_box(make_world(nesting("a>s s>b", {"s": HANGING}))) as box:
        execution = await box.reached(
            await box.accept(b"in"), lambda one: one.residence is Residence.PARKED
        )
        (child,) = [one for one in stored_executions(box.store) if one.parent_id]
        view = execution_view(execution)
        assert view["status"] == "RUNNING"
        assert view["waiting_on"] == {
            "pauses": [],
            "in_doubt": [],
            "held": [],
            "children": [child.execution_id],
            "until": None,
        }
