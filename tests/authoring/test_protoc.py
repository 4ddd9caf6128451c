"""Proto text becomes a complete, stripped descriptor set, or problems with their lines."""

import resource
import tempfile

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from axiomd.authoring.protoc import compile_protos
from axiomd.errors import Invalid, StoreFull
from axiomd.limits import DOCUMENT_BYTES_MAX

HEAD = 'syntax = "proto3";\npackage acme.orders;\n'


def refused(own: str | bytes, imports: dict[str, bytes] | None = None) -> list[str]:
    with pytest.raises(Invalid) as caught:
        compile_protos(own.encode() if isinstance(own, str) else own, imports)
    return [str(problem) for problem in caught.value.problems]


def test_every_import_is_in_the_set_before_what_needs_it():
    own = (
        HEAD + 'import "google/protobuf/timestamp.proto";\nimport "acme/base/messages.proto";\n'
        "message Order { google.protobuf.Timestamp at = 1; acme.base.Money total = 2; }\n"
    )
    imports = {
        "acme/base/messages.proto": b'syntax = "proto3"; package acme.base;'
        b'import "acme/unit/messages.proto"; message Money { acme.unit.Unit unit = 1; }',
        "acme/unit/messages.proto": b'syntax = "proto3"; package acme.unit; message Unit {}',
    }
    compiled = compile_protos(own.encode(), imports)
    files = FileDescriptorSet.FromString(compiled.descriptor_set).file
    names = [file.name for file in files]
    assert names[-1] == "messages/messages.proto"
    assert names.index("acme/unit/messages.proto") < names.index("acme/base/messages.proto")
    assert "google/protobuf/timestamp.proto" in names
    assert not any(file.HasField("source_code_info") for file in files)
    assert "class Order(_message.Message):" in compiled.pyi


def test_the_same_text_compiles_to_the_same_bytes():
    own = (HEAD + "// Two maps.\nmessage A { map<string, int64> m = 1; }").encode()
    assert compile_protos(own) == compile_protos(own)


def test_every_complaint_comes_with_its_line():
    assert refused(HEAD + "message A {\n  Foo b = 1;\n  int32 b = 2;\n}\n") == [
        'messages/messages.proto:5: "b" is already defined in "acme.orders.A".',
        'messages/messages.proto:4: "Foo" is not defined.',
    ]


def test_a_complaint_about_an_imported_file_names_that_file():
    said = refused(
        HEAD + 'import "acme/base/messages.proto";',
        {"acme/base/messages.proto": b'syntax = "proto3";\nmessage {'},
    )
    assert said[0].startswith("acme/base/messages.proto:2: ")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ('syntax = "proto2"; message A {}', 'must begin with `syntax = "proto3";`'),
        ("message A {}", 'must begin with `syntax = "proto3";`'),
        ("", "must begin with"),
        ('edition = "2023"; message A {}', "must begin with"),
        (HEAD + 'import "nowhere.proto";', "nowhere.proto"),
        (HEAD + 'import "../../../etc/passwd";', "passwd"),
        (HEAD.encode() + b"// \xff", "messages/messages.proto:3: is not UTF-8 text"),
        (b"/" * (DOCUMENT_BYTES_MAX + 1), "is larger than"),
        (HEAD + "message A {" * 5_000, "messages/messages.proto"),
    ],
)
def test_what_is_no_proto3_is_refused(own, words):
    assert words in " ".join(refused(own))


def test_a_full_disk_is_no_fault_of_the_messages(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    own = (HEAD + "message A {}" + "// long\n" * 2_000).encode()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in (0, 30, len(own)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            if size < len(own):
                with pytest.raises(StoreFull):
                    compile_protos(own)
            else:
                assert compile_protos(own).descriptor_set
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_compiler_without_room_is_no_fault_of_the_messages():
    fields = " ".join(f"string a_rather_long_name_{n} = {n};" for n in range(1, 10))
    own = (HEAD + "message A { " + fields + " }").encode()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The stub is longer than the text that it is made of.
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(own), before[1]))
    try:
        with pytest.raises(StoreFull):
            compile_protos(own)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
