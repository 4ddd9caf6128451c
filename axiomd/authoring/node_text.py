"""The text of a new node's handler and of its test.

The body is minimal and honest: it logs that it was called, and its output carries over the fields
that input and output share. The test runs it.
"""

import keyword

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorSet

from axiomd.authoring.protoc import CompiledProtos
from axiomd.flow.package import NodeSpec, message_names, snake_case

_COLUMNS = 88
_MESSAGE_TYPES = (FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_GROUP)

_UNARY = '''\
from gen.axiom_context import AxiomContext
from gen.messages_pb2 import {imported}


def {module}(ax: AxiomContext, input: {input}) -> {output}:
    """Turn {input_words} into {output_words}."""
    ax.log.info("{module} was called")
    return {result}
'''
_PIPELINE = '''\
from collections.abc import Iterator

from gen.axiom_context import AxiomContext
from gen.messages_pb2 import {imported}


def {module}(ax: AxiomContext, inputs: Iterator[{input}]) -> Iterator[{output}]:
    """Emit {output_words} for each {input}."""
    for input in inputs:
        ax.log.debug("{module} read an input")
        yield {result}
'''
_UNARY_TEST = """\
from gen.axiom_testing import FakeContext
from gen.messages_pb2 import {imported}
from nodes.{module} import {module}


def test_{module}_returns_{output_snake}():
    ax = FakeContext()
    result = {module}(ax, {input}())
    assert isinstance(result, {output})
    assert ax.logged == [("info", "{module} was called", {{}})]
"""
_PIPELINE_TEST = """\
from gen.axiom_testing import FakeContext
from gen.messages_pb2 import {imported}
from nodes.{module} import {module}


def test_{module}_emits_{output_snake}_for_each_input():
    inputs = iter([{input}(), {input}()])
    results = list({module}(FakeContext(), inputs))
    assert [type(result) for result in results] == [{output}, {output}]
"""


def node_source(node: NodeSpec, compiled: CompiledProtos) -> str:
    """The file of `node`, whose messages exist in `compiled`."""
    template = _PIPELINE if node.type == "pipeline" else _UNARY
    return template.format(**_words(node, compiled))


def node_test(node: NodeSpec, compiled: CompiledProtos) -> str:
    """The test file of `node`."""
    template = _PIPELINE_TEST if node.type == "pipeline" else _UNARY_TEST
    return template.format(**_words(node, compiled))


def _words(node: NodeSpec, compiled: CompiledProtos) -> dict[str, str]:
    names = message_names(compiled.descriptor_set)
    source, target = _python_name(node.input, names), _python_name(node.output, names)
    imported = ", ".join(sorted({name.partition(".")[0] for name in (source, target)}))
    return {
        "module": node.module,
        "imported": imported,
        "input": source,
        "output": target,
        "input_words": _with_article(source),
        "output_words": _with_article(target),
        "output_snake": snake_case(_with_article(target).replace(".", "_").replace(" ", "_")),
        "result": _result(target, _shared_fields(compiled, names[node.input], names[node.output])),
    }


def _python_name(name: str, names: dict[str, str]) -> str:
    """How the generated module calls a message: its name without the proto package."""
    return min((short for short, full in names.items() if full == names[name]), key=len)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _result(target: str, shared: list[str]) -> str:
    """The expression that makes the output."""
    arguments = [f"{name}=input.{name}" for name in shared]
    line = f"{target}({', '.join(arguments)})"
    if len(line) <= _COLUMNS - len("    return "):
        return line
    return "\n".join([f"{target}(", *(f"        {argument}," for argument in arguments), "    )"])


def _shared_fields(compiled: CompiledProtos, source: str, target: str) -> list[str]:
    """Names of the fields that can be handed over as they are."""
    offered = {field.name: field for field in _message(compiled, source).field}
    return [
        field.name
        for field in _message(compiled, target).field
        if field.name in offered and _same(field, offered[field.name])
    ]


def _same(one: FieldDescriptorProto, other: FieldDescriptorProto) -> bool:
    return (
        one.type == other.type
        and one.type not in _MESSAGE_TYPES
        and one.type_name == other.type_name
        and one.label == other.label
        and not (one.HasField("oneof_index") or other.HasField("oneof_index"))
        and not keyword.iskeyword(one.name)
    )


def _message(compiled: CompiledProtos, full_name: str) -> DescriptorProto:
    for file in FileDescriptorSet.FromString(compiled.descriptor_set).file:
        prefix = f"{file.package}." if file.package else ""
        waiting = [(prefix + message.name, message) for message in file.message_type]
        while waiting:
            name, message = waiting.pop()
            if name == full_name:
                return message
            waiting += [(f"{name}.{inner.name}", inner) for inner in message.nested_type]
    raise AssertionError(f"{full_name} was looked up before")
