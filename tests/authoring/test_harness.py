"""`axiomd test`: the package's own tests in a process of their own."""

import pytest
from packages import FILES

from axiomd.authoring.harness import run_tests
from axiomd.errors import Invalid

GOOD = """
from gen.axiom_testing import FakeContext
from gen.messages_pb2 import Order
from nodes.take_order import take_order

def test_the_id_is_kept():
    assert take_order(FakeContext(), Order(id="7")).id == "7"
"""


@pytest.fixture
def package(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize("tool", ["pytest", "plain"])
def test_tests_run_with_fresh_generated_files(package, tool):
    (package / "nodes/take_order_test.py").write_text(GOOD)
    (package / "gen").mkdir()
    (package / "gen/messages_pb2.py").write_text("stale")
    ran = run_tests(package, capture=True, tool=tool)
    assert ran.passed, ran.output
    assert ran.tool == tool
    assert ran.files == ("nodes/take_order_test.py",)


@pytest.mark.parametrize("tool", ["pytest", "plain"])
@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("def test_it():\n    assert 1 == 2, 'not equal'\n", "not equal"),
        ("import nothing_like_it\n", "nothing_like_it"),
    ],
)
def test_a_failing_test_is_told_with_its_reason(package, tool, test, words):
    (package / "nodes/take_order_test.py").write_text(test)
    ran = run_tests(package, capture=True, tool=tool)
    assert not ran.passed
    assert words in ran.output


def test_the_plain_runner_says_which_tests_need_pytest(package):
    test = "def test_it(tmp_path): ...\nasync def test_async(): ...\ndef test_fine(): ...\n"
    (package / "nodes/take_order_test.py").write_text(test)
    ran = run_tests(package, capture=True, tool="plain")
    assert not ran.passed
    assert ran.output.count("install pytest") == 2
    assert "1 passed, 2 failed" in ran.output


def test_a_package_without_tests_runs_none(package):
    ran = run_tests(package, capture=True)
    assert ran.passed
    assert ran.files == ()


def test_a_broken_package_is_not_tested(package):
    (package / "nodes/take_order.py").write_text("def take_order(ax): ...")
    with pytest.raises(Invalid):
        run_tests(package)


def test_the_tests_of_a_package_leave_no_caches_behind(package):
    (package / "nodes/take_order_test.py").write_text(GOOD)
    run_tests(package, capture=True)
    left = {path.name for path in package.rglob("*")}
    assert not left & {"__pycache__", ".pytest_cache"}
