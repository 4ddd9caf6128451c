"""A small test runner for where pytest is not installed; run as a script of its own.

`python -P plain_tests.py nodes.a_test nodes.b_test` calls every `test_*` function of these
modules that takes no parameters, says how each ended, and exits with 1 if one did not pass.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator

_NEEDS_PYTEST = "has parameters or is asynchronous; install pytest to run it"


def main(modules: list[str]) -> int:
    """Run the tests of `modules`; 0 if all passed."""
    failures = passes = 0
    for name, call in _tests(modules):
        wrong = _outcome(call)
        sys.stdout.write(f"{'FAILED' if wrong else 'passed'} {name}\n{wrong}")
        failures += bool(wrong)
        passes += not wrong
    sys.stdout.write(f"{passes} passed, {failures} failed\n")
    return 1 if failures else 0


def _tests(modules: list[str]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every test with its name; a module that cannot be imported is one that fails."""
    for module in modules:
        try:
            loaded = importlib.import_module(module)
        except Exception:  # noqa: BLE001 - the package's own code may raise anything
            trace = traceback.format_exc()
            yield module, _failing(trace)
            continue
        for name, value in vars(loaded).items():
            if name.startswith("test_") and inspect.isfunction(value):
                yield f"{module}.{name}", value


def _failing(trace: str) -> Callable[[], object]:
    def fail() -> None:
        raise ImportError(trace)

    return fail


def _outcome(test: Callable[[], object]) -> str:
    """Empty if the test passed, else why not."""
    if inspect.iscoroutinefunction(test) or inspect.signature(test).parameters:
        return f"  {_NEEDS_PYTEST}\n"
    try:
        test()
    except Exception:  # noqa: BLE001 - whatever a test raises is its answer
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
