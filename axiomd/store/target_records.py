"""Where a webhook leads, as a part of other records."""

from axiomd.execution.targets import Target
from axiomd.store import record_pb2 as pb


def target_record(target: Target) -> pb.Target:
    """Where a webhook leads."""
    headers = [pb.Header(name=name, value=value) for name, value in target.headers]
    return pb.Target(url=target.url, headers=headers)


def read_target(record: pb.Target) -> Target:
    """What `target_record` has written."""
    return Target(record.url, tuple((header.name, header.value) for header in record.headers))
