"""Secrets and flow configs as bytes and back. What is sealed stays sealed here."""

from axiomd.execution.flow_configs import FlowConfig, Sealed, Secret
from axiomd.store import record_pb2 as pb
from axiomd.store.versions import VERSION, body, reads


def encode_secret(secret: Secret) -> bytes:
    """A secret; its tenant and name are the row's key."""
    record = pb.Secret(
        value=_sealed_record(secret.value),
        created_ns=secret.created_ns,
        updated_ns=secret.updated_ns,
    )
    return VERSION + record.SerializeToString()


@reads
def decode_secret(value: bytes) -> Secret:
    """The secret stored as `value`."""
    record = pb.Secret.FromString(body(value))
    return Secret(_read_sealed(record.value), record.created_ns, record.updated_ns)


def encode_config(config: FlowConfig) -> bytes:
    """A flow config; its tenant and ID are the row's key."""
    record = pb.FlowConfig(
        flow=config.flow,
        profile=config.profile,
        node_timeout_s=config.node_timeout_s,
        secrets=[
            pb.SecretOverride(name=name, value=_sealed_record(sealed))
            for name, sealed in config.secrets.items()
        ],
        created_ns=config.created_ns,
        updated_ns=config.updated_ns,
    )
    return VERSION + record.SerializeToString()


@reads
def decode_config(key: bytes, value: bytes) -> FlowConfig:
    """The config stored under `key`."""
    record = pb.FlowConfig.FromString(body(value))
    tenant, _, identity = key.decode().partition("\0")
    return FlowConfig(
        config_id=identity[1:],
        tenant=tenant,
        flow=record.flow,
        profile=record.profile,
        created_ns=record.created_ns,
        updated_ns=record.updated_ns,
        node_timeout_s=record.node_timeout_s,
        secrets={one.name: _read_sealed(one.value) for one in record.secrets},
    )


def _sealed_record(sealed: Sealed) -> pb.Sealed:
    return pb.Sealed(key_id=sealed.key_id, nonce=sealed.nonce, content=sealed.content)


def _read_sealed(record: pb.Sealed) -> Sealed:
    return Sealed(record.key_id, record.nonce, record.content)
