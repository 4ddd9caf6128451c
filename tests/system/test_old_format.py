"""A data directory that an older axiomd left behind, taken over by this one."""

from pathlib import Path

from system.box import Box
from system.lab import compiled, prepare, single
from worlds.old_format import as_format_1


def test_a_directory_of_format_1_is_upgraded_by_its_first_start(tmp_path: Path) -> None:
    box = Box(tmp_path / "data")
    box.start()
    try:
        prepare(box)
        echo, nap = compiled(box, single("Echo")), compiled(box, single("Nap"))
        large, key = {"text": "x" * 100_000}, {"Idempotency-Key": "once"}
        with box.client() as user:
            ended = user.accepted(echo, large, headers=key)
            assert user.ended(ended)["status"] == "COMPLETED"
            flying = user.accepted(nap, {"count": 600, "log": str(tmp_path / "naps")})
            user.started(flying, "nap")
        box.kill()
        as_format_1(box.data_dir)
        box.start()
        with box.client() as user:
            assert user.execution(ended, "/output")["output"]["text"] == large["text"]
            assert user.accepted(echo, large, headers=key) == ended
            # Taken up where the old version left it; its second call is quick.
            assert user.ended(flying)["status"] == "COMPLETED"
    finally:
        if box.process is not None:
            box.kill()
