"""How an invocation comes by its node timeout and its secrets: each config over the one before."""

import pytest

from axiomd.execution.flow_configs import FlowConfig, Sealed, Terms, resolve


def config(name, seconds=0.0, secret=False, flow="a/f"):
    sealed = {"T": Sealed("k", b"n", b"c")} if secret else {}
    return FlowConfig(name, "t", flow, "p", 1, 1, seconds, sealed)


TENANT, FLOW = config("tenant", 20, secret=True, flow=""), config("flow", 30, secret=True)


@pytest.mark.parametrize(
    ("defaults", "named", "expected"),
    [
        ([], None, Terms(300)),
        ([TENANT], None, Terms(20, "", ("tenant",))),
        ([TENANT, FLOW], None, Terms(30, "", ("flow", "tenant"))),
        (
            [TENANT, FLOW],
            config("own", 40, secret=True),
            Terms(40, "own", ("own", "flow", "tenant")),
        ),
        ([TENANT, FLOW], config("own"), Terms(30, "own", ("flow", "tenant"))),
        ([config("tenant"), config("flow")], None, Terms(300)),
        ([config("tenant", 20), config("flow")], None, Terms(20)),
        # A default that is named is there once, and wins.
        ([TENANT, FLOW], FLOW, Terms(30, "flow", ("flow", "tenant"))),
        ([TENANT, FLOW], TENANT, Terms(20, "tenant", ("tenant", "flow"))),
    ],
)
def test_what_is_set_later_wins(defaults, named, expected):
    assert resolve(300, defaults, named) == expected


def test_a_config_holds_for_its_flow_or_for_all():
    assert [FLOW.holds_for("a/f"), FLOW.holds_for("a/g"), TENANT.holds_for("a/g")] == [
        *(True, False),
        True,
    ]
