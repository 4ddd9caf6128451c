"""Every key in the store, in order.

    me  name                                            what this store is: format, boots
    tn  tenant                                          what is set for a tenant
    kx  SHA-256 of the key (32)                         API key
    ss  expires u64 SHA-256 of the token (32)           session of a browser, for an API key
    sl  expires u64 SHA-256 of the token (32)           sign-in link, for an API key
    pk  tenant 0 handle/package 0 version               pushed package
    pd  tenant 0 digest hex                             pushed package, by content
    dr  tenant 0 handle/name                            flow draft
    ar  artifact ID (26)                                compiled artifact
    ah  tenant 0 content hash (32)                      artifact ID with that content
    ik  tenant 0 SHA-256 of the Idempotency-Key (32)    the execution it made
    ex  execution (16)                                  execution record
    jo  execution (16) seq u32                          journal entry
    fr  execution (16) placement u16 index u32          frame of a pipeline
    ga  execution (16) gate u16 index u32               arrival: frames an XOR gate took of an arm
    fo  execution (16)                                  has no record, and still a history: `fork`
                                                        if it is about to get one
    bl  blob (32) e execution (16)                      reference: a history names the blob
        blob (32) p tenant 0 digest hex                 reference: a package content does
    rq  tenant 0 flow 0 rank u8 created u64 execution (16)  index: ready for a worker
    rd  retired                                         index: ready, of format 4 and before
    cl  execution (16)                                  index: claimed by one
    du  due u64 execution (16)                          index: goes on at a time of its own
    ti  tenant 0 created u64 execution (16)             index: all, by time
    st  tenant 0 status 0 created u64 execution (16)    index: by status and time
    fl  tenant 0 flow 0 created u64 execution (16)      index: by flow and time
    en  tenant 0 ended u64 execution (16)               index: ended, by the time of its end
    pa  tenant 0 opened u64 execution (16)              index: a pause is open
    wd  execution (16) delivery (12)                    delivery of a webhook
    wu  lane (8) due u64 execution (16) delivery (12)   index: deliveries, by receiver and time
    wt  tenant 0 created u64 execution (16) delivery (12)  index: deliveries, by time
    ws  tenant 0 subscription ID (26)                   webhook of a tenant's notifications
    tl  tenant                                          limits of a tenant's own
    wk  tenant                                          what a tenant's webhooks are signed with
    au  tenant 0 at u64 n u16                           act of administration
    se  tenant 0 name                                   secret, sealed
    cf  tenant 0 c config ID (26)                       flow config
        tenant 0 p flow 0 profile                       ID of the config of that flow, or of all
    sc  tenant 0 schedule ID (26)                       schedule
    sd  due u64 tenant 0 schedule ID (26)               index: schedules, by the time they are due

Numbers are big-endian, so byte order is the order we list by; newest first is a reverse scan.
The rank of what is ready is how far its priority is below the highest. Execution IDs are led by
time, so every per-execution key lands at the end of its table. Table names are short and never
used again: a retired one stays listed here.
"""

import struct
from typing import Final

META: Final = "me"
TENANTS: Final = "tn"
API_KEYS: Final = "kx"
SESSIONS: Final = "ss"
SIGN_IN_LINKS: Final = "sl"
PACKAGES: Final = "pk"
PACKAGE_CONTENTS: Final = "pd"
DRAFTS: Final = "dr"
ARTIFACTS: Final = "ar"
ARTIFACT_HASHES: Final = "ah"
IDEMPOTENCY: Final = "ik"
EXECUTIONS: Final = "ex"
JOURNAL: Final = "jo"
FRAMES: Final = "fr"
ARRIVALS: Final = "ga"
FORGOTTEN: Final = "fo"
FORKING: Final = b"fork"
"""What a row of FORGOTTEN says while a fork is being made; nothing of it is forgotten then."""
BLOB_REFERENCES: Final = "bl"
READY: Final = "rq"
RETIRED_READY: Final = "rd"
CLAIMED: Final = "cl"
DUE: Final = "du"
BY_TENANT: Final = "ti"
BY_STATUS: Final = "st"
BY_FLOW: Final = "fl"
ENDED: Final = "en"
PAUSES: Final = "pa"
DELIVERIES: Final = "wd"
DELIVERIES_DUE: Final = "wu"
DELIVERIES_BY_TIME: Final = "wt"
SUBSCRIPTIONS: Final = "ws"
SIGNING_SECRETS: Final = "wk"
ACTS: Final = "au"
TENANT_LIMITS: Final = "tl"
SECRETS: Final = "se"
FLOW_CONFIGS: Final = "cf"
SCHEDULES: Final = "sc"
SCHEDULES_DUE: Final = "sd"

TABLES: Final = (
    META,
    TENANTS,
    API_KEYS,
    SESSIONS,
    SIGN_IN_LINKS,
    PACKAGES,
    PACKAGE_CONTENTS,
    DRAFTS,
    ARTIFACTS,
    ARTIFACT_HASHES,
    IDEMPOTENCY,
    EXECUTIONS,
    JOURNAL,
    FRAMES,
    ARRIVALS,
    FORGOTTEN,
    BLOB_REFERENCES,
    READY,
    RETIRED_READY,
    CLAIMED,
    DUE,
    BY_TENANT,
    BY_STATUS,
    BY_FLOW,
    ENDED,
    PAUSES,
    DELIVERIES,
    DELIVERIES_DUE,
    DELIVERIES_BY_TIME,
    SUBSCRIPTIONS,
    SIGNING_SECRETS,
    ACTS,
    TENANT_LIMITS,
    SECRETS,
    FLOW_CONFIGS,
    SCHEDULES,
    SCHEDULES_DUE,
)

INDEX_TABLES: Final = {
    "ready": READY,
    "claimed": CLAIMED,
    "due": DUE,
    "by_tenant": BY_TENANT,
    "by_status": BY_STATUS,
    "by_flow": BY_FLOW,
    "ended": ENDED,
    "pauses": PAUSES,
}
"""Names of `execution.index_keys` to tables."""

EXECUTION_BYTES: Final = 16
CREATED_BYTES: Final = 8
BLOB_BYTES: Final = 32
KEY_BYTES_MAX: Final = 511
"""LMDB's own bound."""

_SEQ = struct.Struct(">16sI")
_FRAME = struct.Struct(">16sHI")
_TIME_LED = struct.Struct(">Q16s")
_READY = struct.Struct(">BQ16s")


def text_key(*parts: str) -> bytes:
    """Texts that end in a zero byte, so that no key is a prefix of another's texts."""
    return b"".join(part.encode() + b"\0" for part in parts)


def execution_key(execution_id: str) -> bytes:
    """The 16 bytes of an execution ID."""
    return bytes.fromhex(execution_id)


def journal_key(execution: bytes, seq: int) -> bytes:
    """Entry `seq` of an execution."""
    return _SEQ.pack(execution, seq)


def journal_seq(key: bytes) -> int:
    """The seq in a journal key."""
    seq: int = _SEQ.unpack(key)[1]
    return seq


def frame_key(execution: bytes, placement: int, index: int) -> bytes:
    """Frame `index` that a placement emitted."""
    return _FRAME.pack(execution, placement, index)


def frame_index(key: bytes) -> int:
    """The index in a frame key."""
    index: int = _FRAME.unpack(key)[2]
    return index


def arrival_key(execution: bytes, gate: int, index: int) -> bytes:
    """What a gate took as its input `index`, and maybe as more behind it."""
    return _FRAME.pack(execution, gate, index)


def arrival_place(key: bytes) -> tuple[int, int]:
    """Gate and index in an arrival key."""
    _, gate, index = _FRAME.unpack(key)
    return gate, index


def package_key(tenant: str, name: str, version: str) -> bytes:
    """A package by name and version."""
    return text_key(tenant, name) + version.encode()


def content_key(tenant: str, digest: str) -> bytes:
    """A package by content."""
    return text_key(tenant) + digest.encode()


def hashed_key(tenant: str, digest: bytes) -> bytes:
    """Something of a tenant's, by hash."""
    return text_key(tenant) + digest


def named_by_execution(blob: bytes, execution: bytes) -> bytes:
    """The reference of an execution's history to a blob."""
    return blob + b"e" + execution


def named_by_package(blob: bytes, content: bytes) -> bytes:
    """The reference of a package content, by its key, to the blob of its files."""
    return blob + b"p" + content


def index_key(name: str, parts: tuple[object, ...]) -> bytes:
    """The bytes of one row of `execution.index_keys`."""
    *texts, last = parts
    identity = execution_key(str(last))
    if name == "claimed":
        return identity
    if name == "ready":
        tenant, flow, rank, created, _ = parts
        return text_key(str(tenant), str(flow)) + _READY.pack(rank, created, identity)
    *words, created = texts
    assert isinstance(created, int)
    return text_key(*map(str, words)) + _TIME_LED.pack(created, identity)


def ready_place(rank: int, created_ns: int, execution_id: str) -> bytes:
    """Where in its queue an execution waits: the end of a key of READY."""
    return _READY.pack(rank, created_ns, execution_key(execution_id))


def ready_queue(key: bytes) -> tuple[str, str]:
    """Tenant and flow in a key of READY."""
    tenant, flow, _ = key[: -_READY.size].split(b"\0")
    return tenant.decode(), flow.decode()


READY_PLACE_BYTES: Final = _READY.size
"""What of such a key comes behind its queue."""


def time_led_tail(key: bytes) -> tuple[int, str]:
    """Created time and execution ID at the end of a time-led index key."""
    created, identity = _TIME_LED.unpack(key[-_TIME_LED.size :])
    return created, identity.hex()


def time_led(created_ns: int, execution_id: str) -> bytes:
    """The end of a time-led index key."""
    return _TIME_LED.pack(created_ns, execution_key(execution_id))


_DELIVERY = struct.Struct(">16s12s")
_DUE_DELIVERY = struct.Struct(">8sQ16s12s")
_DELIVERY_TAIL = struct.Struct(">Q16s12s")
LANE_BYTES: Final = 8


def delivery_key(execution_id: str, key: str) -> bytes:
    """A delivery."""
    return _DELIVERY.pack(execution_key(execution_id), bytes.fromhex(key))


def delivery_place(key: bytes) -> tuple[str, str]:
    """Execution and key at the end of any row of a delivery."""
    execution, own = _DELIVERY.unpack(key[-_DELIVERY.size :])
    return execution.hex(), own.hex()


def due_delivery_key(lane: bytes, due_ns: int, execution_id: str, key: str) -> bytes:
    """A delivery that is to be tried, behind all of its receiver that are due earlier."""
    return _DUE_DELIVERY.pack(lane, due_ns, execution_key(execution_id), bytes.fromhex(key))


def due_of_delivery(key: bytes) -> tuple[bytes, int]:
    """Lane and due time in such a key."""
    lane, due_ns, _, _ = _DUE_DELIVERY.unpack(key)
    return lane, due_ns


def timed_delivery_key(tenant: str, created_ns: int, execution_id: str, key: str) -> bytes:
    """A delivery in the list of its tenant's."""
    tail = _DELIVERY_TAIL.pack(created_ns, execution_key(execution_id), bytes.fromhex(key))
    return text_key(tenant) + tail


def created_of_delivery(key: bytes) -> int:
    """The time in such a key."""
    created_ns: int = _DELIVERY_TAIL.unpack(key[-_DELIVERY_TAIL.size :])[0]
    return created_ns


TIMED_DELIVERY_BYTES: Final = _DELIVERY_TAIL.size
"""What of such a key comes behind the tenant."""


def subscription_key(tenant: str, subscription_id: str) -> bytes:
    """A tenant's webhook."""
    return text_key(tenant) + subscription_id.encode()


_ACT_TAIL = struct.Struct(">QH")
ACT_TAIL_BYTES: Final = _ACT_TAIL.size
"""What of the key of an act comes behind the tenant."""


def act_key(tenant: str, at_ns: int, number: int = 0) -> bytes:
    """An act of administration; `number` tells those of the same nanosecond apart."""
    return text_key(tenant) + _ACT_TAIL.pack(at_ns, number)


def act_place(key: bytes) -> tuple[str, int]:
    """Tenant and time in such a key."""
    at_ns: int = _ACT_TAIL.unpack(key[-ACT_TAIL_BYTES:])[0]
    return key[: -ACT_TAIL_BYTES - 1].decode(), at_ns


def act_number(key: bytes) -> int:
    """The number in such a key."""
    number: int = _ACT_TAIL.unpack(key[-ACT_TAIL_BYTES:])[1]
    return number


def secret_key(tenant: str, name: str) -> bytes:
    """A tenant's secret."""
    return text_key(tenant) + name.encode()


def flow_configs_of(tenant: str) -> bytes:
    """How the keys of a tenant's flow configs begin."""
    return text_key(tenant) + b"c"


def flow_config_key(tenant: str, config_id: str) -> bytes:
    """A tenant's flow config."""
    return flow_configs_of(tenant) + config_id.encode()


def profile_key(tenant: str, flow: str, profile: str) -> bytes:
    """Which config a profile of a flow is, or, without a flow, of all of them."""
    return text_key(tenant) + b"p" + text_key(flow) + profile.encode()


_DUE_BYTES = 8


def schedule_key(tenant: str, schedule_id: str) -> bytes:
    """A schedule."""
    return text_key(tenant) + schedule_id.encode()


def schedule_place(key: bytes) -> tuple[str, str]:
    """Tenant and ID in such a key."""
    tenant, _, schedule_id = key.decode().partition("\0")
    return tenant, schedule_id


def due_schedule_key(due_ns: int, schedule: bytes) -> bytes:
    """A schedule, by its own key, behind all that are due earlier."""
    return due_ns.to_bytes(_DUE_BYTES, "big") + schedule


def due_schedule(key: bytes) -> tuple[int, bytes]:
    """Due time and own key in such a key."""
    return int.from_bytes(key[:_DUE_BYTES], "big"), key[_DUE_BYTES:]
