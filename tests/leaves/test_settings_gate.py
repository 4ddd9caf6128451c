"""One frozen tree: file, then environment, then flags; every problem at once."""

from pathlib import Path

import pytest

from axiomd.errors import SettingsInvalid
from axiomd.settings import Settings, load


def write(tmp_path, text):
    path = tmp_path / "axiomd.toml"
    path.write_text(text)
    return path


def test_without_anything_the_defaults_hold():
    assert load(None, {}, {}) == Settings()


def test_flags_beat_the_environment_which_beats_the_file(tmp_path):
    path = write(tmp_path, "[engine]\nslots = 1\n[server]\nbind = 'file'\n[log]\nlevel = 'debug'\n")
    environment = {"AXIOMD_ENGINE_SLOTS": "2", "AXIOMD_SERVER_BIND": "environment"}
    settings = load(path, environment, {"engine.slots": 3, "server.bind": None})
    assert settings.engine.slots == 3
    assert settings.server.bind == "environment"
    assert settings.log.level == "debug"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("0", False), ("FALSE", False)])
def test_switches_are_read_from_the_environment(text, value):
    assert load(None, {"AXIOMD_STORE_SYNC": text}, {}).store.sync is value


@pytest.mark.parametrize(
    ("file", "environment", "words"),
    [
        ("[engine]\nslotz = 1", {}, "did you mean 'slots'"),
        ("[engin]\nslots = 1", {}, "did you mean 'engine'"),
        ("[engine]\nslots = 0", {}, "must be from 1"),
        ("[engine]\nslots = '1'", {}, "must be a whole number"),
        ("[log]\nlevel = 'loud'", {}, "must be one of"),
        ("", {"AXIOMD_ENGINE_SLOTS": "many"}, "does not fit"),
        ("", {"AXIOMD_ENGINE_SLOTZ": "1"}, "AXIOMD_ENGINE_SLOTS"),
        ("", {"AXIOMD_STORE_SYNC": "yes"}, "does not fit"),
        ("[engine", {}, "cannot be read"),
        (f"a = {'[' * 3000}", {}, "nested too deeply"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, file, environment, words):
    with pytest.raises(SettingsInvalid) as caught:
        load(write(tmp_path, file), environment, {})
    said = " ".join([caught.value.message, *map(str, caught.value.problems)])
    assert words in said


def test_all_problems_are_reported_together(tmp_path):
    path = write(tmp_path, "[engine]\nslots = 0\n[log]\nlevel = 'loud'\nform = 1\n")
    with pytest.raises(SettingsInvalid) as caught:
        load(path, {}, {})
    assert len(caught.value.problems) == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsInvalid, match="no settings file"):
        load(tmp_path / "none.toml", {}, {})


def test_the_data_directory_is_where_the_operator_says():
    assert load(None, {}, {"store.data_dir": "/x"}).data_dir == Path("/x")
    assert load(None, {}, {}).data_dir.name == "axiomd"
