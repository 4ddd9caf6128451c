"""Flow configs: what is set for a flow's invocations, and how that is resolved, once for each.

The box's own setting comes first, then the tenant's default, the flow's default, and the config
that the invocation names: whatever is set later wins. What an execution was given is in its
record; only the values of secrets are looked up again for each call.
"""

from collections.abc import Iterable, Mapping

import attrs

DEFAULT_PROFILE = "default"
"""The profile that holds where an invocation names none."""
NODE_TIMEOUT_S_MIN = 1
NODE_TIMEOUT_S_MAX = 3600


@attrs.frozen
class Sealed:
    """A text that only the holder of a key can read."""

    key_id: str
    nonce: bytes
    content: bytes


@attrs.frozen
class Secret:
    """A tenant's secret; its tenant and name are the row's key."""

    value: Sealed
    created_ns: int
    updated_ns: int


@attrs.frozen
class FlowConfig:
    """What is set for one profile of a flow, or of all flows of a tenant."""

    config_id: str
    """A ULID."""
    tenant: str
    flow: str
    """`handle/name`; empty for all flows of the tenant."""
    profile: str
    created_ns: int
    updated_ns: int
    node_timeout_s: float = 0.0
    """Seconds a node call may take; 0 if this says nothing about that."""
    secrets: Mapping[str, Sealed] = attrs.field(factory=dict)
    """Values that stand for the tenant's, by name."""

    def holds_for(self, flow: str) -> bool:
        """Whether an invocation of this flow may name it."""
        return self.flow in ("", flow)


@attrs.frozen
class Terms:
    """What an execution is given at its invocation."""

    node_timeout_s: float
    config_id: str = ""
    """The config that was named."""
    config_ids: tuple[str, ...] = ()
    """Configs whose secrets stand for the tenant's, the first one first."""


def resolve(platform_s: float, configs: Iterable[FlowConfig], named: FlowConfig | None) -> Terms:
    """What follows from a box's own timeout, default configs (the widest first), and the named one.

    A config without secrets is not kept: what it gets later is for later invocations.
    """
    chain = {config.config_id: config for config in configs}
    if named is not None:
        # Named last even if it is a default too: then it wins over what is narrower.
        chain.pop(named.config_id, None)
        chain[named.config_id] = named
    timeout_s = platform_s
    for config in chain.values():
        timeout_s = config.node_timeout_s or timeout_s
    return Terms(
        timeout_s,
        named.config_id if named is not None else "",
        tuple(one.config_id for one in reversed(chain.values()) if one.secrets),
    )
