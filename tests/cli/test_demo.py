"""The demo as a person runs it: a process of its own, on a file of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
from worlds.old_format import as_format_1

LOG = "2026-03-01 ERROR cannot open\n2026-03-01 INFO opened again\n" * 200


def demo(*words, **options):
    command = [sys.executable, "-m", "axiomd", "demo", "--data-dir", "demo", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_the_demo_runs_every_example_on_the_input_and_ends(server):
    Path("my.log").write_text(LOG)
    busy = server.url.removeprefix("http://")
    process = demo("--once", "--json", "--input", "my.log", "--bind", busy)
    told, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    summary = json.loads(told)
    assert [one["status"] for one in summary["flows"]] == ["COMPLETED"] * 3
    assert b"taking a free port instead" in said
    assert b"ERROR" in said
    largest = max(s["output_bytes"] or 0 for one in summary["flows"] for s in one["steps"])
    assert largest > 64 * 1024


def test_the_demo_goes_on_in_what_an_older_one_left_behind():
    make = [sys.executable, "-m", "axiomd", "keys", "create", "--name", "old"]
    subprocess.run([*make, "--data-dir", "demo"], check=True, capture_output=True)
    as_format_1(Path("demo"))
    process = demo("--once", "--json", "--bind", "127.0.0.1:0")
    told, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert [one["status"] for one in json.loads(told)["flows"]] == ["COMPLETED"] * 3


def test_the_demo_serves_until_ctrl_c_and_takes_its_server_along():
    process = demo("--bind", "127.0.0.1:0")
    lines = []
    for line in process.stdout:
        lines.append(line.decode())
        if "Serving until Ctrl-C" in lines[-1]:
            break
    curl = next(line for line in lines if line.startswith("curl") and "log-report" not in line)
    answer = subprocess.run(["bash", "-c", curl], capture_output=True, check=True, timeout=30)
    assert json.loads(answer.stdout)["result"]["success"]
    url = next(line.split()[1] for line in lines if line.strip().startswith("URL"))
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=8)
    assert process.returncode == 0
    try:
        httpx.get(f"{url}/healthz", trust_env=False)
    except httpx.ConnectError:
        return
    raise AssertionError("the demo's server is still there")
