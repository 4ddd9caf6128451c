"""When an installation builds the dashboard, with which Node, and what the wheel takes along."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

PLACE = Path(__file__).parents[2] / "packaging" / "hatch_build.py"


@pytest.fixture
def product(monkeypatch):
    spec = importlib.util.spec_from_file_location("hatch_build", PLACE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("AXIOMD_WEB", "AXIOMD_NODE"):
        monkeypatch.delenv(name, raising=False)
    return module


@pytest.fixture
def make_hook(product, tmp_path):
    def make():
        app = SimpleNamespace(display_info=lambda _: None)
        return product.DashboardHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel", app)

    return make


def get_requires_for_build_editable(hook):
    """As an installer asks."""
    return hook.dependencies()


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v20.19.0\n", True),
        ("v20.18.3\n", False),
        ("v21.7.0\n", False),
        ("v22.11.0\n", False),
        ("v22.12.0\n", True),
        ("v24.1.0\n", True),
        ("v18.20.4\n", False),
        ("", False),
        ("node: not found", False),
    ],
)
def test_a_node_that_the_tools_do_not_run_on_is_as_good_as_none(product, version, enough):
    assert product.is_new_enough(version) is enough


def test_node_is_asked_for_only_where_it_is_needed_and_missing(product, make_hook, monkeypatch):
    monkeypatch.setattr(product, "npm_of_machine", lambda: None)
    hook = make_hook()
    assert hook.dependencies() == [product.NODE_FROM_PYPI]
    assert get_requires_for_build_editable(hook) == []
    monkeypatch.setenv("AXIOMD_WEB", "build")
    assert get_requires_for_build_editable(hook) == [product.NODE_FROM_PYPI]
    for mode in ("reuse", "skip"):
        monkeypatch.setenv("AXIOMD_WEB", mode)
        assert hook.dependencies() == []
    monkeypatch.delenv("AXIOMD_WEB")
    monkeypatch.setattr(product, "npm_of_machine", lambda: ["npm"])
    assert hook.dependencies() == []


def test_the_nodes_of_the_machine_can_be_left_alone(product, monkeypatch):
    monkeypatch.setenv("AXIOMD_NODE", "pypi")
    assert product.npm_of_machine() is None


def test_what_is_built_goes_into_the_wheel(make_hook, monkeypatch, tmp_path):
    monkeypatch.setenv("AXIOMD_WEB", "reuse")
    with pytest.raises(RuntimeError, match=r"has no index\.html"):
        make_hook().initialize("standard", {"force_include": {}})
    made = tmp_path / "web" / "dist"
    made.mkdir(parents=True)
    (made / "index.html").touch()
    for version, taken in (("standard", {str(made): "axiomd/webui"}), ("editable", {})):
        build_data = {"force_include": {}}
        make_hook().initialize(version, build_data)
        assert build_data["force_include"] == taken
    monkeypatch.setenv("AXIOMD_WEB", "skip")
    build_data = {"force_include": {}}
    make_hook().initialize("standard", build_data)
    assert build_data["force_include"] == {}


def test_an_editable_installation_builds_nothing_unless_it_is_told_to(make_hook, monkeypatch):
    hook = make_hook()
    assert hook.mode(is_editable=True) == "skip"
    assert hook.mode(is_editable=False) == "build"
    monkeypatch.setenv("AXIOMD_WEB", "build")
    assert hook.mode(is_editable=True) == "build"


def test_a_mode_that_there_is_not_is_refused(make_hook, monkeypatch):
    monkeypatch.setenv("AXIOMD_WEB", "biuld")
    with pytest.raises(ValueError, match="one of build, reuse, skip"):
        make_hook().mode(is_editable=False)
