"""The benchmark: how fast this box is on this machine, in this hour.

    python tests/bench/run.py [--quick] [--only MEASUREMENT] [--seconds S] [--dir DIRECTORY]
                              [--json]

Works from a clean checkout whose `pip install -e .` has been done. It starts real servers
(`axiomd serve`) on new data directories with everything at its default, pushes the package beside
this file, and puts load on them from a process of its own, on the same cores. Nothing is asserted:
machines like this project's drift by a factor of two between hours. So the first line calibrates
the machine, and the rows named `floor` are the same HTTP server answering a constant, measured in
the same minute: quote ratios.

CPU figures are milliseconds of processor time for each answer: of the server process, of the node
processes, of the load generator. Memory of a queued execution leaves out the mapped store.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import machine
from language import measure_language
from measure import MEASUREMENTS, TARGETS, Effort, Row
from rich.console import Console
from rich.table import Table

EVERY = MEASUREMENTS | {"language": measure_language}
QUICK = Effort(seconds=1.5, share=0.2)
SECONDS = 5.0
COLUMNS = {
    "per_s": ("per s", 0),
    "steps_per_s": ("steps/s", 0),
    "node_ms": ("ms/node", 2),
    "each_s": ("s each", 2),
    "p50_ms": ("p50 ms", 2),
    "p99_ms": ("p99 ms", 2),
    "server_cpu_ms": ("CPU server", 3),
    "nodes_cpu_ms": ("CPU nodes", 3),
    "generator_cpu_ms": ("CPU load", 3),
    "server_peak_mib": ("peak MiB", 0),
    "server_grown_mib": ("grown MiB", 0),
    "nodes_mib": ("nodes MiB", 0),
    "of_floor": ("of floor", 2),
    "bytes_each": ("bytes each", 0),
    "p99_of_calm": ("p99 of calm", 2),
    "executions": ("executions", 0),
}
LOWER_IS_BETTER = ("p50_ms", "p99_ms", "bytes_each", "p99_of_calm", "node_ms", "each_s")


def main() -> None:
    options = read_options()
    directory = Path(tempfile.mkdtemp(prefix="axiomd-bench-", dir=options.dir))
    try:
        found = {"machine": machine.describe(directory), "rows": []}
        say_machine(found["machine"], quiet=options.json)
        for name in options.only or EVERY:
            for row in EVERY[name](directory, effort(options)):
                found["rows"].append(with_target(row))
                say_row(row, quiet=options.json)
        found["machine"]["loop_ms_after"] = round(machine.loop_ms(), 1)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 180).print(table(found["rows"]))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure axiomd on this machine.")
    parser.add_argument("--quick", action="store_true", help="a fifth of everything")
    parser.add_argument("--only", action="append", choices=EVERY, help="this measurement")
    parser.add_argument("--seconds", type=float, help=f"of each load [{SECONDS}]")
    parser.add_argument("--dir", help="where the data directories are made")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    return parser.parse_args()


def effort(options: argparse.Namespace) -> Effort:
    share = QUICK.share if options.quick else 1.0
    return Effort(options.seconds or (QUICK.seconds if options.quick else SECONDS), share)


def with_target(row: Row) -> Row:
    """The row with what it is held against, if anything."""
    if row["name"] not in TARGETS:
        return row
    figure, target = TARGETS[row["name"]]
    reached = row[figure] <= target if figure in LOWER_IS_BETTER else row[figure] >= target
    return row | {"target": {"figure": figure, "value": target, "reached": reached}}


def say_machine(found: dict[str, Any], *, quiet: bool) -> None:
    words = (
        f"{found['cores']} cores ({found['processor']}), Python {found['python']}, "
        f"Linux {found['kernel']}, {found['file_system']}; a loop of {machine.LOOP:,} takes "
        f"{found['loop_ms']} ms, one synced LMDB commit {found['commit_ms']} ms, "
        f"{found['cores_taken']} cores taken by others"
    )
    print(words, file=sys.stderr if quiet else sys.stdout, flush=True)


def say_row(row: Row, *, quiet: bool) -> None:
    if not quiet:
        figures = [f"{COLUMNS[key][0]} {text(row, key)}" for key in COLUMNS if key in row]
        print(f"  {row['name']}: {', '.join(figures)}", file=sys.stderr, flush=True)


def table(rows: list[Row]) -> Table:
    shown = [key for key in COLUMNS if any(key in row for row in rows)]
    result = Table(caption="CPU: milliseconds of processor time for each answer")
    result.add_column("", no_wrap=True)
    for key in shown:
        result.add_column(COLUMNS[key][0], justify="right")
    result.add_column("target", no_wrap=True)
    for row in rows:
        result.add_row(row["name"], *(text(row, key) for key in shown), target_text(row))
    return result


def text(row: Row, key: str) -> str:
    return f"{row[key]:,.{COLUMNS[key][1]}f}" if key in row else ""


def target_text(row: Row) -> str:
    if "target" not in row:
        return ""
    target = row["target"]
    sign = "≤" if target["figure"] in LOWER_IS_BETTER else "≥"
    color = "green" if target["reached"] else "red"
    name = COLUMNS[target["figure"]][0]
    return f"[{color}]{name} {sign} {target['value']:,g}[/]"


if __name__ == "__main__":
    main()
