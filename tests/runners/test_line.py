"""Who is served next of the calls that wait for a process."""

import attrs

from axiomd.runners.line import Line


@attrs.define(eq=False)
class Call:
    tenant: str
    since: float


def line_of(*tenants):
    line = Line()
    for since, tenant in enumerate(tenants):
        line.append(Call(tenant, float(since)))
    return line


def served(line):
    found = []
    while line:
        found.append(line.first)
        line.serve(line.first)
    return [f"{call.tenant}{call.since:g}" for call in found]


def test_one_tenant_is_served_in_the_order_in_which_it_came():
    assert served(line_of("a", "a", "a")) == ["a0", "a1", "a2"]


def test_tenants_are_served_in_turns():
    line = line_of(*"aaaaab", "c", "b")
    assert len(line) == len(list(line)) == 8
    assert served(line) == ["a0", "b5", "c6", "a1", "b7", "a2", "a3", "a4"]
    assert len(line) == 0


def test_who_goes_away_takes_no_turn():
    line = line_of(*"aab")
    line.remove(line.first)
    assert served(line) == ["a1", "b2"]


def test_it_is_known_since_when_somebody_waits():
    line = line_of(*"aab")
    line.serve(line.first)
    assert (line.first.tenant, line.since) == ("b", 1.0)
