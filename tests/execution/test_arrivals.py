"""An XOR gate takes each frame of each arm once, in the arm's order; no arm waits for ever."""

from hypothesis import given
from hypothesis import strategies as st

from axiomd.execution.arrivals import Order

GATE = 3
COMING = st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), max_size=12)


def taken(arrivals):
    return [(a.edge, a.frame + n) for a in arrivals for n in range(a.count)]


@given(COMING, st.integers(1, 7))
def test_every_frame_is_taken_once_and_every_arm_keeps_its_order(coming, limit):
    order, emitted, made = Order(GATE, range(3)), dict.fromkeys(range(3), 0), []
    for fresh in coming:
        for edge, count in enumerate(fresh):
            emitted[edge] += count
        decided = order.decide(emitted, limit)
        assert sum(a.count for a in decided) <= limit
        assert bool(decided) == (len(made) < sum(emitted.values()))
        made += taken(decided)
    while decided := order.decide(emitted, limit):
        made += taken(decided)
    for edge, count in emitted.items():
        assert [frame for e, frame in made if e == edge] == list(range(count))
    assert order.decided == len(made)


@given(COMING, st.integers(1, 7))
def test_a_fold_of_what_was_decided_goes_on_as_if_nothing_had_been(coming, limit):
    order, emitted, record = Order(GATE, range(3)), dict.fromkeys(range(3), 0), []
    for fresh in coming:
        for edge, count in enumerate(fresh):
            emitted[edge] += count
        record += order.decide(emitted, limit)
    again = Order(GATE, range(3))
    for arrival in record:
        again.apply(arrival)
    more = {edge: count + 2 for edge, count in emitted.items()}
    assert again.decide(more, limit) == order.decide(more, limit)


def test_an_arm_that_never_stops_does_not_shut_the_others_out():
    order = Order(GATE, range(3))
    first = order.decide({0: 1_000, 1: 1, 2: 1_000}, 10)
    assert [(a.edge, a.count) for a in first] == [(0, 3), (1, 1), (2, 3)]
    assert [a.edge for a in order.decide({0: 1_000, 1: 2, 2: 1_000}, 2)] == [0, 1]
    assert [a.edge for a in order.decide({0: 1_000, 1: 3, 2: 1_000}, 2)] == [2, 0]
