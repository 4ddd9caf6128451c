"""What is counted: histograms by their bounds, and a bounded number of labels."""

from axiomd.limits import METRIC_SERIES_MAX
from axiomd.measures import OTHER, Counts, Histogram, Histograms, Measures


def test_a_value_is_counted_by_the_bound_that_it_does_not_exceed():
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 12.0


def test_labels_beyond_the_most_count_as_others_and_known_ones_go_on():
    counts = Counts(free=2, most=2)
    for flow in ("a", "b", "c", "d", "a"):
        counts.add("tenant", flow, "FAILED")
    assert dict(counts.items()) == {
        ("tenant", "a", "FAILED"): 2,
        ("tenant", "b", "FAILED"): 1,
        (OTHER, OTHER, "FAILED"): 2,
    }


def test_histograms_beyond_the_most_are_one():
    histograms = Histograms((1.0,), most=1)
    for node in ("a", "b", "c"):
        histograms.observe(0.5, "package", node)
    found = {labels: sum(histogram.counts) for labels, histogram in histograms.items()}
    assert found == {("package", "a"): 1, (OTHER, OTHER): 2}


def test_who_lives_is_counted_by_differences():
    measures = Measures()
    measures.change_living({"QUEUED": 3})
    measures.change_living({"QUEUED": -1, "RUNNING": 1})
    assert measures.living == {"QUEUED": 2, "RUNNING": 1}


def test_nodes_beyond_the_most_are_counted_as_one():
    measures = Measures()
    known = measures.node("package", "first")
    for number in range(METRIC_SERIES_MAX + 2):
        measures.node("package", str(number)).seconds.observe(1.0)
    assert measures.node("package", "first") is known
    assert len(measures.nodes) == METRIC_SERIES_MAX + 1
    assert sum(measures.nodes[OTHER, OTHER].seconds.counts) == 3
