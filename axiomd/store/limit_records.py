"""The limits that are a tenant's own as bytes and back; the tenant is the key."""

import attrs

from axiomd.execution.tenant_limits import OwnLimits
from axiomd.store import record_pb2 as pb
from axiomd.store.versions import VERSION, body, reads


def encode_own_limits(own: OwnLimits) -> bytes:
    """What is set; the rest is left out."""
    record = pb.TenantLimits()
    for name, value in own.given.items():
        setattr(record, name, value)
    return VERSION + record.SerializeToString()


@reads
def decode_own_limits(value: bytes) -> OwnLimits:
    """What `encode_own_limits` has written. Raises ValueError for limits that cannot be."""
    record = pb.TenantLimits.FromString(body(value))
    names = (field.name for field in attrs.fields(OwnLimits))
    own = OwnLimits(**{name: getattr(record, name) for name in names if record.HasField(name)})
    for problem in own.problems():
        raise ValueError(str(problem))
    return own
