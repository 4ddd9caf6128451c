"""Adding to `axiom.yaml` as text, so that the user's comments, order and style stay.

Knows block style and an empty `nodes`; a file written in another way is refused with the lines
to add by hand. The result is read back: what it says must be what was there and the addition.
"""

import re

from axiomd.errors import Invalid, Problem, Refused
from axiomd.flow.document import Document, read_yaml
from axiomd.flow.package import MANIFEST_FILE, NodeSpec, read_manifest

_EMPTY_NODES = re.compile(r"nodes:[ \t]*(\[[ \t]*\]|~|null)?[ \t]*(?P<comment>#.*)?")
_ITEM = re.compile(r"(?P<indent> *)- +\S")


def with_node(text: str, node: NodeSpec) -> str:
    """The manifest `text` with `node` added at the end of its nodes.

    Raises Invalid if the node is not a right one, or if the text has no place for it.
    """
    before = read_manifest(text)
    document = read_yaml(text, file=MANIFEST_FILE)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = _inserted(text.splitlines(), document, node)
    if lines is None:
        raise _by_hand(node)
    added = newline.join(lines) + newline
    try:
        after = read_manifest(added)
    except Refused as failure:
        raise Invalid(f"{node.name} cannot be added", problems=failure.problems) from None
    if (*before.nodes, node) != after.nodes or before.ref != after.ref:
        raise _by_hand(node)
    return added


def _inserted(lines: list[str], document: Document, node: NodeSpec) -> list[str] | None:
    nodes = document.value.get("nodes", ())
    if "nodes" not in document.value:
        while lines and not lines[-1].strip():
            lines.pop()
        return [*lines, "", "nodes:", *_item(node, "  ")]
    start = document.lines["nodes"] - 1
    if not nodes:
        found = _EMPTY_NODES.fullmatch(lines[start])
        if found is None:
            return None
        key = f"nodes:  {found['comment']}" if found["comment"] else "nodes:"
        return [*lines[:start], key, *_item(node, "  "), *lines[start + 1 :]]
    first = _ITEM.match(lines[document.lines["nodes[0]"] - 1])
    if first is None:
        return None
    end = _section_end(lines, document, start)
    return [*lines[:end], *_item(node, first["indent"]), *lines[end:]]


def _section_end(lines: list[str], document: Document, start: int) -> int:
    """The index after the last line of the section that begins at line index `start`."""
    later = [document.lines[key] - 1 for key in document.value if document.lines[key] - 1 > start]
    end = min(later, default=len(lines))
    # What stands directly above the next key, at the margin, belongs to that key.
    while not lines[end - 1].strip() or lines[end - 1].startswith("#"):
        end -= 1
    return end


def _item(node: NodeSpec, indent: str) -> list[str]:
    keys = [f"name: {node.name}", f"input: {node.input}", f"output: {node.output}"]
    if node.type != "unary":
        keys.append(f"type: {node.type}")
    return [f"{indent}{'- ' if index == 0 else '  '}{key}" for index, key in enumerate(keys)]


def _by_hand(node: NodeSpec) -> Invalid:
    lines = "; ".join(line.strip(" -") for line in _item(node, ""))
    message = f"is not in block style; add the node by hand: {lines}"
    title = f"{node.name} cannot be added to {MANIFEST_FILE}"
    return Invalid(title, problems=[Problem("nodes", message, MANIFEST_FILE)])
