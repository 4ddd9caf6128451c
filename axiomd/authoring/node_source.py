"""Whether a node's file holds the handler that the manifest declares.

Owns the shape of a handler: its name, its two parameters, its annotations, and that a pipeline
node is a generator. The source is parsed and looked at, never run.
"""

import ast
from collections.abc import Collection, Iterator, Mapping

import attrs

from axiomd.errors import Problem
from axiomd.flow.package import NodeSpec
from axiomd.limits import DOCUMENT_BYTES_MAX
from axiomd.strict import nearest

Function = ast.FunctionDef | ast.AsyncFunctionDef

_ANYTHING = frozenset({"Any", "object", "Message"})
_SYNC = frozenset({"Iterator", "Iterable", "Generator"})
_ASYNC = frozenset({"AsyncIterator", "AsyncIterable", "AsyncGenerator"})


def node_problems(
    node: NodeSpec, files: Mapping[str, bytes], messages: Collection[str] | None = None
) -> Iterator[Problem]:
    """What is wrong with the file of `node`, among the package's `files`.

    messages: the names of messages there are; annotations are not held against others.
    """
    source = files.get(node.file)
    if source is None:
        yield Problem("", _missing(node, files), node.file)
        return
    tree = _parsed(node.file, source)
    if isinstance(tree, Problem):
        yield tree
        return
    function = _handler(tree, node.module)
    if function is None:
        yield Problem("", _no_handler(tree, node), node.file, 1)
        return
    shape = _Shape(node, function, _aliases(tree), messages)
    for line, message in shape.problems():
        yield Problem("", message, node.file, line)


def _missing(node: NodeSpec, files: Mapping[str, bytes]) -> str:
    others = [path for path in files if path.startswith("nodes/") and path.endswith(".py")]
    guess = nearest(node.file, others)
    found = f"; there is {guess}" if guess else ""
    return f"is missing: the node {node.name} is implemented in it{found}"


def _parsed(file: str, source: bytes) -> ast.Module | Problem:
    if len(source) > DOCUMENT_BYTES_MAX:
        return Problem("", f"is larger than {DOCUMENT_BYTES_MAX} bytes", file)
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = 1 + source.count(b"\n", 0, failure.start)
        return Problem("", "is not UTF-8 text", file, line)
    try:
        return ast.parse(text)
    except SyntaxError as failure:
        return Problem("", f"is not Python: {failure.msg}", file, failure.lineno or 1)
    except ValueError as failure:
        return Problem("", f"is not Python: {failure}", file, 1)
    except (RecursionError, MemoryError):
        return Problem("", "is nested too deeply", file)


def _functions(tree: ast.Module) -> dict[str, Function]:
    """The functions at the top level; a later one of the same name replaces an earlier one."""
    return {
        statement.name: statement
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _handler(tree: ast.Module, name: str) -> Function | None:
    return _functions(tree).get(name)


def _no_handler(tree: ast.Module, node: NodeSpec) -> str:
    guess = nearest(node.module, _functions(tree))
    found = f"; there is {guess!r}" if guess else ""
    return f"has no function {node.module!r} at its top level for the node {node.name}{found}"


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Names bound by `from … import X as Y`, to what they are called where they come from."""
    return {
        alias.asname: alias.name
        for statement in ast.walk(tree)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
        if alias.asname
    }


@attrs.frozen
class _Shape:
    """A handler held against its declaration; problems are (line, message)."""

    node: NodeSpec
    function: Function
    aliases: Mapping[str, str]
    messages: Collection[str] | None

    def problems(self) -> Iterator[tuple[int, str]]:
        arguments = self.function.args
        parameters = [*arguments.posonlyargs, *arguments.args]
        others = (*arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        if len(parameters) != 2 or any(others):
            second = "inputs" if self.node.type == "pipeline" else "input"
            message = f"{self.node.module} must take exactly two parameters: (ax, {second})"
            yield self.function.lineno, message
        else:
            yield from self._annotation(parameters[1].annotation, self.node.input, "input")
        yield from self._annotation(self.function.returns, self.node.output, "output")
        yield from self._generator()

    def _generator(self) -> Iterator[tuple[int, str]]:
        yields = _first_yield(self.function)
        if self.node.type == "pipeline" and yields is None:
            message = f"{self.node.module} must be a generator: the node is declared `pipeline`"
            yield self.function.lineno, f"{message}, but nothing is yielded"
        if self.node.type == "unary" and yields is not None:
            message = f"{self.node.module} must return its output, not yield it"
            yield yields, f"{message}, unless it is declared `type: pipeline`"

    def _annotation(
        self, annotation: ast.expr | None, message: str, role: str
    ) -> Iterator[tuple[int, str]]:
        if annotation is None or (self.messages is not None and message not in self.messages):
            return
        line = annotation.lineno
        found: ast.expr | None = _unquoted(annotation)
        expected = message.rpartition(".")[2]
        wanted = expected
        if self.node.type == "pipeline":
            kinds = _ASYNC if isinstance(self.function, ast.AsyncFunctionDef) else _SYNC
            wanted = f"{'Async' if kinds is _ASYNC else ''}Iterator[{expected}]"
            found = self._item(found, kinds)
        if found is None or self._name(found) not in {expected, *_ANYTHING}:
            said = f"{role} is annotated {ast.unparse(annotation)}"
            yield line, f"{said}, but {self.node.name} declares {wanted}"

    def _item(self, annotation: ast.expr | None, kinds: frozenset[str]) -> ast.expr | None:
        """The `X` of `Iterator[X]`; None if it is no iterator of the right kind."""
        if isinstance(annotation, ast.Subscript) and self._name(annotation.value) in kinds:
            inner = annotation.slice
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            return _unquoted(first)
        bare = annotation is not None and self._name(annotation) in kinds | _ANYTHING
        return ast.Name("Any") if bare else None

    def _name(self, expression: ast.expr) -> str | None:
        """The last name of `X` or `module.X`, as it is called where it comes from."""
        if isinstance(expression, ast.Name):
            return self.aliases.get(expression.id, expression.id)
        return expression.attr if isinstance(expression, ast.Attribute) else None


def _unquoted(annotation: ast.expr) -> ast.expr:
    """A quoted annotation as the expression it quotes."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            return ast.parse(annotation.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return annotation
    return annotation


def _first_yield(function: Function) -> int | None:
    """The line of the first `yield` of the function itself, not of one inside it."""
    lines: list[int] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        found = waiting.pop()
        if isinstance(found, ast.Yield | ast.YieldFrom):
            lines.append(found.lineno)
        inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
        if not isinstance(found, inner):
            waiting += ast.iter_child_nodes(found)
    return min(lines, default=None)
