"""Scratch directories: given back empty they are gone at once, otherwise soon, at last."""

import trio

from axiomd.runners.scratch import Scratch, remove


def test_an_empty_directory_is_gone_when_it_is_given_back(tmp_path):
    scratch = Scratch(tmp_path / "scratch")
    made = scratch.new()
    assert made.parent == tmp_path / "scratch"
    assert made.stat().st_mode & 0o077 == 0
    scratch.give_back(made)
    assert not made.exists()
    scratch.give_back(made)


async def test_a_full_one_makes_room_at_once_and_is_swept(tmp_path, nursery):
    scratch = Scratch(tmp_path / "scratch")
    made = scratch.new()
    (made / "1").mkdir()
    (made / "1" / "file").write_text("x")
    scratch.give_back(made / "1")
    assert not (made / "1").exists()
    nursery.start_soon(scratch.sweep)
    with trio.fail_after(5):
        while list(scratch.root.iterdir()) != [made]:
            await trio.sleep(0.001)


def test_a_start_knows_whether_an_earlier_one_was_killed(tmp_path):
    first = Scratch(tmp_path)
    assert not first.was_left
    (first.new() / "1").mkdir()
    second = Scratch(tmp_path)
    assert second.was_left
    assert not list(tmp_path.glob("nodes-*"))
    assert not Scratch(tmp_path).was_left


def test_what_was_closed_is_removed_and_what_a_link_leads_to_stays(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (tmp_path / "old" / "closed" / "inner").mkdir(parents=True)
    (tmp_path / "old" / "closed" / "link").symlink_to(outside)
    (tmp_path / "old" / "closed").chmod(0)
    remove(tmp_path / "old")
    assert not (tmp_path / "old").exists()
    assert outside.stat().st_mode & 0o777 == 0o500


def test_a_link_that_a_node_put_in_place_of_its_directory_is_taken_away_alone(tmp_path):
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    outside.chmod(0o755)
    scratch = Scratch(tmp_path / "scratch")
    own = scratch.new() / "1"
    own.symlink_to(outside)
    scratch.give_back(own)
    assert not own.is_symlink()
    swept = scratch.root / "old-link"
    swept.symlink_to(outside)
    remove(swept)
    assert not swept.is_symlink()
    assert outside.stat().st_mode & 0o777 == 0o755
    assert (outside / "inner").is_dir()


def test_a_directory_that_cannot_be_given_back_goes_with_what_it_lies_in(tmp_path):
    scratch = Scratch(tmp_path / "scratch")
    made = scratch.new()
    (made / "1" / "left").mkdir(parents=True)
    in_the_way = scratch.root / f"old-{made.name}-1"
    (in_the_way / "full").mkdir(parents=True)
    scratch.give_back(made / "1")
    assert (made / "1").exists()
    scratch.give_back(made)
    assert not made.exists()
