"""nodes.lock: nobody of an earlier axiomd runs when the descriptor is handed out."""

import fcntl
import os
import signal
import subprocess
import sys

import pytest

from axiomd.errors import DataDirBusy
from axiomd.runners.orphans import holders, wait_for_predecessors

HOLD = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def start_holder(path, seconds):
    command = [sys.executable, "-c", HOLD, str(path), str(seconds)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == b"held\n"
    holder.stdout.close()
    return holder


def test_a_free_lock_is_taken_at_once_and_kept(tmp_path):
    path = tmp_path / "nodes.lock"
    fd = wait_for_predecessors(path)
    other = os.open(path, os.O_RDWR)
    try:
        assert not os.get_inheritable(fd)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(fd)
        os.close(other)


def test_predecessors_that_end_by_themselves_are_waited_for(tmp_path):
    path = tmp_path / "nodes.lock"
    holder = start_holder(path, 0.2)
    os.close(wait_for_predecessors(path))
    assert holder.wait() == 0


def test_predecessors_that_stay_are_found_and_killed(tmp_path):
    path = tmp_path / "nodes.lock"
    holder = start_holder(path, 1000)
    assert list(holders(path)) == [holder.pid]
    os.close(wait_for_predecessors(path))
    assert holder.wait() == -signal.SIGKILL


def test_a_lock_that_cannot_be_had_is_a_clear_refusal(tmp_path):
    path = tmp_path / "nodes.lock"
    fd = wait_for_predecessors(path)
    try:
        with pytest.raises(DataDirBusy, match=r"nodes\.lock"):
            wait_for_predecessors(path, timeout_s=0.6)
    finally:
        os.close(fd)
