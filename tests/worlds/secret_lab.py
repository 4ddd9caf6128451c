"""The package of tests, with secrets that its nodes may have: as version 2.0.0."""

from typing import Any

from system import lab

TOKEN = 'tök"en\\ of\nthe tenant'
VERSION = "2.0.0"

SPILL = """\
import json, sys
value, found = ax.secrets.get('TOKEN')
ax.log.info('used ' + value, body=json.dumps({'a': json.dumps({'token': value})}))
ax.progress(0.5, value)
print(value)
print(repr(value), file=sys.stderr)
result = len(value)
"""
"""A node that says its secret in every way."""
FAIL = SPILL + "raise LookupError(f'refused {value} {value!r}')\n"
TELL = "result = ax.secrets.get('TOKEN')[0]"
"""A node that returns it."""


def package() -> dict[str, str]:
    """`Execute` needs TOKEN; every other node may have OPTIONAL."""
    files = lab.package(version=VERSION)
    manifest = files["axiom.yaml"].replace(
        "{name: Execute, input: Text, output: Text}",
        "{name: Execute, input: Text, output: Text, required_secrets: [TOKEN]}",
    )
    assert "required_secrets" in manifest
    manifest += "env:\n  - {name: OPTIONAL, secret: true}\n  - {name: REGION, default: eu}\n"
    return {**files, "axiom.yaml": manifest}


def executing(name: str, edges: tuple[Any, ...] = (), **nodes: Any) -> dict[str, Any]:
    """A flow of nodes that run the text that they get, all with the secret."""
    placed = {"only": "Execute"} | nodes
    placements = {
        alias: {"package": f"acme/lab@{VERSION}"} | ({"node": n} if isinstance(n, str) else n)
        for alias, n in placed.items()
    }
    return lab.flow(name, placements, edges)
