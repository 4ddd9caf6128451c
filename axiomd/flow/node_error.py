"""The message that edges for failures carry."""

import attrs


@attrs.frozen
class NodeError:
    """`axiom.NodeError`: how a node visit has failed for good."""

    message: str
    kind: str
    placement: str
    attempts: int
