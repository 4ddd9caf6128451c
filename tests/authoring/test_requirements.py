"""`requirements.txt`: what is taken, what two files have in common, what is refused."""

import pytest

from axiomd.authoring.requirements import PROTOBUF, read_requirements
from axiomd.limits import REQUIREMENTS_BYTES_MAX


def read(text):
    content = text if isinstance(text, bytes) else text.encode()
    return read_requirements({"requirements.txt": content})


def lines_of(text):
    requirements, problems = read(text)
    assert problems == []
    return requirements.lines


def test_comments_spaces_and_line_breaks_mean_nothing():
    written = "\ufeff# first\n\n  numpy  ==2.0   # fast\r\nsix>=1,\\\n   <2\n#six \\\nattrs\n"
    assert lines_of(written) == ("numpy ==2.0", "six>=1, <2", "attrs")
    assert lines_of("numpy ==2.0\nsix>=1, <2\nattrs") == lines_of(written)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n  # at all\n", "\ufeff"])
def test_a_file_that_says_nothing_needs_no_environment(text):
    requirements, problems = read(text)
    assert (bool(requirements), problems, requirements.installed) == (False, [], ())


def test_a_package_without_the_file_needs_no_environment():
    requirements, problems = read_requirements({"axiom.yaml": b""})
    assert not requirements
    assert problems == []


@pytest.mark.parametrize(
    "line", ["protobuf", "protobuf==4.25.8", "Protobuf[x]<6", "protobuf ; python_version>'3'"]
)
def test_a_protobuf_that_is_named_is_left_alone(line):
    assert read(line)[0].installed == (line,)


def test_requirements_without_protobuf_get_a_runtime():
    assert read("six\nprotobuf-extras")[0].installed == ("six", "protobuf-extras", PROTOBUF)


@pytest.mark.parametrize(
    "line",
    [
        "six",
        "six==1.16 ; python_version < '4'",
        "six @ https://example.org/six-1.16.tar.gz",
        "git+https://example.org/six@v1",
        "--pre",
        "--only-binary :all:",
        "--no-binary=six",
    ],
)
def test_what_means_the_same_on_every_box_is_left_to_pip(line):
    assert lines_of(f"{line}\n") == (line,)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-r more.txt", "another file"),
        ("-rmore.txt", "another file"),
        ("--requirement more.txt", "another file"),
        ("-c bounds.txt", "another file"),
        ("--constraint=bounds.txt", "another file"),
        ("-e .", "this machine"),
        ("--editable=.", "this machine"),
        (".", "this machine"),
        ("./lib", "this machine"),
        ("../lib", "this machine"),
        ("/opt/lib", "this machine"),
        ("lib/here", "this machine"),
        ("lib-1.0-py3-none-any.whl", "this machine"),
        ("lib @ file:///opt/lib", "this machine"),
        ("file:lib", "this machine"),
        ("-i https://example.org", "axiomd's to say"),
        ("--index-url https://example.org", "axiomd's to say"),
        ("--extra-index-url=https://example.org", "axiomd's to say"),
        ("-f /opt/wheels", "axiomd's to say"),
        ("--no-index", "axiomd's to say"),
        ("--trusted-host example.org", "axiomd's to say"),
        ("six @ https://${TOKEN}@example.org/six.zip", "environment variable"),
        ("six\0", "NUL"),
    ],
)
def test_what_depends_on_the_box_is_refused_with_its_line(line, words):
    _, problems = read(f"# first\nattrs\n{line}\nsix\n")
    (problem,) = problems
    assert words in problem.message
    assert (problem.file, problem.line) == ("requirements.txt", 3)


def test_every_problem_is_told_with_the_line_where_it_begins():
    _, problems = read("-e .\nsix==1 \\\n  --hash=sha256:00\n-r \\\n  more.txt\n")
    assert [problem.line for problem in problems] == [1, 4]


def test_text_that_is_not_utf8_is_refused_with_its_line():
    _, problems = read(b"six\nattrs # \xff\n")
    assert [(p.file, p.line, p.message) for p in problems] == [
        ("requirements.txt", 2, "is not UTF-8 text")
    ]


def test_a_file_over_the_bound_is_refused():
    _, problems = read("#" * (REQUIREMENTS_BYTES_MAX + 1))
    assert "larger than" in problems[0].message
    assert read("#" * REQUIREMENTS_BYTES_MAX)[1] == []


def test_hashes_must_cover_protobuf_too():
    hashed = "six==1.16 --hash=sha256:00\n"
    assert "protobuf with its hash" in read(hashed)[1][0].message
    assert read(hashed + "protobuf==5.29.5 --hash=sha256:11\n")[1] == []
