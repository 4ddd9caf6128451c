"""The examples that ship with axiomd are right packages and flows, and run on real input."""

import json
import shutil
import subprocess
import sys

import pytest

from axiomd.authoring.bundle import read_directory
from axiomd.authoring.check import check
from axiomd.authoring.harness import prepare, run_tests
from axiomd.examples.catalog import FLOWS, PACKAGES, default_input
from axiomd.flow.compile import compile_flow
from axiomd.flow.messages import MessageTypes
from axiomd.flow.source import read_flow_yaml


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_an_example_package_is_whole_and_passes_its_own_tests(package, tmp_path):
    directory = tmp_path / "package"
    shutil.copytree(package.directory, directory)
    ran = run_tests(directory, capture=True)
    assert ran.files
    assert ran.passed, ran.output


@pytest.fixture(scope="module")
def pushed():
    return [check(read_directory(package.directory)).pushed for package in PACKAGES]


@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.name)
def test_an_example_flow_compiles_to_the_mode_it_names(flow, pushed):
    source = read_flow_yaml(flow.file.read_bytes(), file=flow.file.name)
    artifact = compile_flow(
        source,
        {package.ref: package for package in pushed},
        lambda package: MessageTypes(package.descriptor_set),
        tenant="test",
        graph_id="0" * 26,
        created_ns=0,
    )
    assert (artifact.flow, artifact.mode) == (flow.name, flow.mode)
    entry = artifact.placements[artifact.entry]
    (package,) = (package for package in pushed if package.ref == entry.package)
    types = MessageTypes(package.descriptor_set)
    given = json.loads(json.dumps(flow.demo_input(default_input())))
    assert set(given) <= set(types.find(entry.input_type).descriptor.fields_by_name)


READ = """
from gen.axiom_testing import FakeContext
from gen import messages_pb2 as pb
from nodes.{entry} import {entry}
result = {entry}(FakeContext(), pb.TextFile(path={path!r}))
print(result.ByteSize())
"""


@pytest.mark.parametrize(
    ("package", "entry"), [(PACKAGES[0], "read_text"), (PACKAGES[1], "draw_text")]
)
def test_an_entry_node_reads_the_default_input(package, entry, tmp_path):
    directory = tmp_path / "package"
    shutil.copytree(package.directory, directory)
    prepare(directory)
    code = READ.format(entry=entry, path=str(default_input()))
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 64 * 1024
