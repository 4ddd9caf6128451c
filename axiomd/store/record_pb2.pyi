from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Ending(_message.Message):
    __slots__ = ("kind", "message", "placement", "edge", "attempts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    message: str
    placement: str
    edge: str
    attempts: int
    def __init__(self, kind: _Optional[str] = ..., message: _Optional[str] = ..., placement: _Optional[str] = ..., edge: _Optional[str] = ..., attempts: _Optional[int] = ...) -> None: ...

class Execution(_message.Message):
    __slots__ = ("tenant", "flow", "graph_id", "mode", "status", "created_ns", "updated_ns", "node_timeout_s", "started_ns", "completed_ns", "attempt", "losses", "entries", "failure", "config_id", "parent_id", "forked_from", "wake_ns", "doubts", "idempotency", "ended_at", "pauses", "children", "parent_position", "depth", "debug", "held", "undoing", "webhook", "priority", "config_ids", "schedule_id", "scheduled_ns", "traceparent", "tracestate")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    GRAPH_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_NS_FIELD_NUMBER: _ClassVar[int]
    NODE_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    STARTED_NS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_NS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    FORKED_FROM_FIELD_NUMBER: _ClassVar[int]
    WAKE_NS_FIELD_NUMBER: _ClassVar[int]
    DOUBTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    PARENT_POSITION_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    DEBUG_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    UNDOING_FIELD_NUMBER: _ClassVar[int]
    WEBHOOK_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CONFIG_IDS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_NS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    TRACESTATE_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    flow: str
    graph_id: str
    mode: str
    status: str
    created_ns: int
    updated_ns: int
    node_timeout_s: float
    started_ns: int
    completed_ns: int
    attempt: int
    losses: int
    entries: int
    failure: Ending
    config_id: str
    parent_id: str
    forked_from: str
    wake_ns: int
    doubts: _containers.RepeatedScalarFieldContainer[str]
    idempotency: bytes
    ended_at: _containers.RepeatedScalarFieldContainer[str]
    pauses: _containers.RepeatedCompositeFieldContainer[Pause]
    children: _containers.RepeatedScalarFieldContainer[str]
    parent_position: str
    depth: int
    debug: Debug
    held: _containers.RepeatedScalarFieldContainer[str]
    undoing: bool
    webhook: Target
    priority: int
    config_ids: _containers.RepeatedScalarFieldContainer[str]
    schedule_id: str
    scheduled_ns: int
    traceparent: str
    tracestate: str
    def __init__(self, tenant: _Optional[str] = ..., flow: _Optional[str] = ..., graph_id: _Optional[str] = ..., mode: _Optional[str] = ..., status: _Optional[str] = ..., created_ns: _Optional[int] = ..., updated_ns: _Optional[int] = ..., node_timeout_s: _Optional[float] = ..., started_ns: _Optional[int] = ..., completed_ns: _Optional[int] = ..., attempt: _Optional[int] = ..., losses: _Optional[int] = ..., entries: _Optional[int] = ..., failure: _Optional[_Union[Ending, _Mapping]] = ..., config_id: _Optional[str] = ..., parent_id: _Optional[str] = ..., forked_from: _Optional[str] = ..., wake_ns: _Optional[int] = ..., doubts: _Optional[_Iterable[str]] = ..., idempotency: _Optional[bytes] = ..., ended_at: _Optional[_Iterable[str]] = ..., pauses: _Optional[_Iterable[_Union[Pause, _Mapping]]] = ..., children: _Optional[_Iterable[str]] = ..., parent_position: _Optional[str] = ..., depth: _Optional[int] = ..., debug: _Optional[_Union[Debug, _Mapping]] = ..., held: _Optional[_Iterable[str]] = ..., undoing: _Optional[bool] = ..., webhook: _Optional[_Union[Target, _Mapping]] = ..., priority: _Optional[int] = ..., config_ids: _Optional[_Iterable[str]] = ..., schedule_id: _Optional[str] = ..., scheduled_ns: _Optional[int] = ..., traceparent: _Optional[str] = ..., tracestate: _Optional[str] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("url", "headers")
    URL_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    url: str
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    def __init__(self, url: _Optional[str] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Delivery(_message.Message):
    __slots__ = ("tenant", "kind", "origin", "created_ns", "since_ns", "due_ns", "status", "subscription_id", "seq", "tries", "attempts")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    DUE_NS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TRIES_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    kind: str
    origin: str
    created_ns: int
    since_ns: int
    due_ns: int
    status: str
    subscription_id: str
    seq: int
    tries: int
    attempts: _containers.RepeatedCompositeFieldContainer[DeliveryAttempt]
    def __init__(self, tenant: _Optional[str] = ..., kind: _Optional[str] = ..., origin: _Optional[str] = ..., created_ns: _Optional[int] = ..., since_ns: _Optional[int] = ..., due_ns: _Optional[int] = ..., status: _Optional[str] = ..., subscription_id: _Optional[str] = ..., seq: _Optional[int] = ..., tries: _Optional[int] = ..., attempts: _Optional[_Iterable[_Union[DeliveryAttempt, _Mapping]]] = ...) -> None: ...

class DeliveryAttempt(_message.Message):
    __slots__ = ("at_ns", "ms", "status_code", "error")
    AT_NS_FIELD_NUMBER: _ClassVar[int]
    MS_FIELD_NUMBER: _ClassVar[int]
    STATUS_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    at_ns: int
    ms: float
    status_code: int
    error: str
    def __init__(self, at_ns: _Optional[int] = ..., ms: _Optional[float] = ..., status_code: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...

class Subscription(_message.Message):
    __slots__ = ("target", "events", "created_ns", "stopped_ns")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    STOPPED_NS_FIELD_NUMBER: _ClassVar[int]
    target: Target
    events: _containers.RepeatedScalarFieldContainer[str]
    created_ns: int
    stopped_ns: int
    def __init__(self, target: _Optional[_Union[Target, _Mapping]] = ..., events: _Optional[_Iterable[str]] = ..., created_ns: _Optional[int] = ..., stopped_ns: _Optional[int] = ...) -> None: ...

class SigningSecrets(_message.Message):
    __slots__ = ("current", "created_ns", "previous", "previous_until_ns")
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_UNTIL_NS_FIELD_NUMBER: _ClassVar[int]
    current: str
    created_ns: int
    previous: str
    previous_until_ns: int
    def __init__(self, current: _Optional[str] = ..., created_ns: _Optional[int] = ..., previous: _Optional[str] = ..., previous_until_ns: _Optional[int] = ...) -> None: ...

class Sealed(_message.Message):
    __slots__ = ("key_id", "nonce", "content")
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    key_id: str
    nonce: bytes
    content: bytes
    def __init__(self, key_id: _Optional[str] = ..., nonce: _Optional[bytes] = ..., content: _Optional[bytes] = ...) -> None: ...

class Secret(_message.Message):
    __slots__ = ("value", "created_ns", "updated_ns")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_NS_FIELD_NUMBER: _ClassVar[int]
    value: Sealed
    created_ns: int
    updated_ns: int
    def __init__(self, value: _Optional[_Union[Sealed, _Mapping]] = ..., created_ns: _Optional[int] = ..., updated_ns: _Optional[int] = ...) -> None: ...

class SecretOverride(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: Sealed
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[Sealed, _Mapping]] = ...) -> None: ...

class FlowConfig(_message.Message):
    __slots__ = ("flow", "profile", "node_timeout_s", "secrets", "created_ns", "updated_ns")
    FLOW_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    NODE_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    SECRETS_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_NS_FIELD_NUMBER: _ClassVar[int]
    flow: str
    profile: str
    node_timeout_s: float
    secrets: _containers.RepeatedCompositeFieldContainer[SecretOverride]
    created_ns: int
    updated_ns: int
    def __init__(self, flow: _Optional[str] = ..., profile: _Optional[str] = ..., node_timeout_s: _Optional[float] = ..., secrets: _Optional[_Iterable[_Union[SecretOverride, _Mapping]]] = ..., created_ns: _Optional[int] = ..., updated_ns: _Optional[int] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("name", "graph_id", "flow", "content", "cron", "every_s", "time_zone", "starts_ns", "ends_ns", "catch_up", "overlap", "paused", "config_id", "created_ns", "updated_ns", "since_ns", "next_ns", "last_ns", "last_execution_id", "last_error", "skipped_ns", "priority")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GRAPH_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CRON_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    STARTS_NS_FIELD_NUMBER: _ClassVar[int]
    ENDS_NS_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    CONFIG_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_NS_FIELD_NUMBER: _ClassVar[int]
    SINCE_NS_FIELD_NUMBER: _ClassVar[int]
    NEXT_NS_FIELD_NUMBER: _ClassVar[int]
    LAST_NS_FIELD_NUMBER: _ClassVar[int]
    LAST_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_NS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    name: str
    graph_id: str
    flow: str
    content: bytes
    cron: str
    every_s: int
    time_zone: str
    starts_ns: int
    ends_ns: int
    catch_up: str
    overlap: str
    paused: bool
    config_id: str
    created_ns: int
    updated_ns: int
    since_ns: int
    next_ns: int
    last_ns: int
    last_execution_id: str
    last_error: str
    skipped_ns: int
    priority: int
    def __init__(self, name: _Optional[str] = ..., graph_id: _Optional[str] = ..., flow: _Optional[str] = ..., content: _Optional[bytes] = ..., cron: _Optional[str] = ..., every_s: _Optional[int] = ..., time_zone: _Optional[str] = ..., starts_ns: _Optional[int] = ..., ends_ns: _Optional[int] = ..., catch_up: _Optional[str] = ..., overlap: _Optional[str] = ..., paused: _Optional[bool] = ..., config_id: _Optional[str] = ..., created_ns: _Optional[int] = ..., updated_ns: _Optional[int] = ..., since_ns: _Optional[int] = ..., next_ns: _Optional[int] = ..., last_ns: _Optional[int] = ..., last_execution_id: _Optional[str] = ..., last_error: _Optional[str] = ..., skipped_ns: _Optional[int] = ..., priority: _Optional[int] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("position", "opened_ns", "expires_ns")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    OPENED_NS_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_NS_FIELD_NUMBER: _ClassVar[int]
    position: str
    opened_ns: int
    expires_ns: int
    def __init__(self, position: _Optional[str] = ..., opened_ns: _Optional[int] = ..., expires_ns: _Optional[int] = ...) -> None: ...

class Debug(_message.Message):
    __slots__ = ("mode", "breakpoints")
    MODE_FIELD_NUMBER: _ClassVar[int]
    BREAKPOINTS_FIELD_NUMBER: _ClassVar[int]
    mode: str
    breakpoints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, mode: _Optional[str] = ..., breakpoints: _Optional[_Iterable[str]] = ...) -> None: ...

class Payload(_message.Message):
    __slots__ = ("size", "inline", "blob")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    BLOB_FIELD_NUMBER: _ClassVar[int]
    size: int
    inline: bytes
    blob: bytes
    def __init__(self, size: _Optional[int] = ..., inline: _Optional[bytes] = ..., blob: _Optional[bytes] = ...) -> None: ...

class Entry(_message.Message):
    __slots__ = ("kind", "at_ns", "placement", "iteration", "attempt", "edge", "edges", "payload", "frames", "detail", "due_ns", "trigger", "items", "failed")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_NS_FIELD_NUMBER: _ClassVar[int]
    PLACEMENT_FIELD_NUMBER: _ClassVar[int]
    ITERATION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EDGE_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    DUE_NS_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    kind: int
    at_ns: int
    placement: int
    iteration: int
    attempt: int
    edge: int
    edges: _containers.RepeatedScalarFieldContainer[int]
    payload: Payload
    frames: int
    detail: str
    due_ns: int
    trigger: str
    items: _containers.RepeatedScalarFieldContainer[int]
    failed: bool
    def __init__(self, kind: _Optional[int] = ..., at_ns: _Optional[int] = ..., placement: _Optional[int] = ..., iteration: _Optional[int] = ..., attempt: _Optional[int] = ..., edge: _Optional[int] = ..., edges: _Optional[_Iterable[int]] = ..., payload: _Optional[_Union[Payload, _Mapping]] = ..., frames: _Optional[int] = ..., detail: _Optional[str] = ..., due_ns: _Optional[int] = ..., trigger: _Optional[str] = ..., items: _Optional[_Iterable[int]] = ..., failed: _Optional[bool] = ...) -> None: ...

class Placement(_message.Message):
    __slots__ = ("alias", "package", "node", "digest", "kind", "input_type", "output_type", "runner", "timeout_s", "once", "concurrency", "x", "y", "memory_mib", "cpu_seconds", "fresh", "retry", "join_kind", "join", "gathers", "compose", "fan_out", "hitl", "compensate", "subflow")
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    RUNNER_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    ONCE_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    MEMORY_MIB_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    JOIN_KIND_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    GATHERS_FIELD_NUMBER: _ClassVar[int]
    COMPOSE_FIELD_NUMBER: _ClassVar[int]
    FAN_OUT_FIELD_NUMBER: _ClassVar[int]
    HITL_FIELD_NUMBER: _ClassVar[int]
    COMPENSATE_FIELD_NUMBER: _ClassVar[int]
    SUBFLOW_FIELD_NUMBER: _ClassVar[int]
    alias: str
    package: str
    node: str
    digest: str
    kind: str
    input_type: str
    output_type: str
    runner: str
    timeout_s: float
    once: bool
    concurrency: int
    x: float
    y: float
    memory_mib: int
    cpu_seconds: int
    fresh: bool
    retry: Retry
    join_kind: str
    join: Join
    gathers: bool
    compose: Fields
    fan_out: FanOut
    hitl: Hitl
    compensate: Compensate
    subflow: str
    def __init__(self, alias: _Optional[str] = ..., package: _Optional[str] = ..., node: _Optional[str] = ..., digest: _Optional[str] = ..., kind: _Optional[str] = ..., input_type: _Optional[str] = ..., output_type: _Optional[str] = ..., runner: _Optional[str] = ..., timeout_s: _Optional[float] = ..., once: _Optional[bool] = ..., concurrency: _Optional[int] = ..., x: _Optional[float] = ..., y: _Optional[float] = ..., memory_mib: _Optional[int] = ..., cpu_seconds: _Optional[int] = ..., fresh: _Optional[bool] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., join_kind: _Optional[str] = ..., join: _Optional[_Union[Join, _Mapping]] = ..., gathers: _Optional[bool] = ..., compose: _Optional[_Union[Fields, _Mapping]] = ..., fan_out: _Optional[_Union[FanOut, _Mapping]] = ..., hitl: _Optional[_Union[Hitl, _Mapping]] = ..., compensate: _Optional[_Union[Compensate, _Mapping]] = ..., subflow: _Optional[str] = ...) -> None: ...

class Join(_message.Message):
    __slots__ = ("kind", "failure_policy", "quorum", "timeout_s", "timeout_policy")
    KIND_FIELD_NUMBER: _ClassVar[int]
    FAILURE_POLICY_FIELD_NUMBER: _ClassVar[int]
    QUORUM_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_POLICY_FIELD_NUMBER: _ClassVar[int]
    kind: str
    failure_policy: str
    quorum: int
    timeout_s: float
    timeout_policy: str
    def __init__(self, kind: _Optional[str] = ..., failure_policy: _Optional[str] = ..., quorum: _Optional[int] = ..., timeout_s: _Optional[float] = ..., timeout_policy: _Optional[str] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "cel")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    cel: str
    def __init__(self, name: _Optional[str] = ..., cel: _Optional[str] = ...) -> None: ...

class Fields(_message.Message):
    __slots__ = ("fields",)
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    def __init__(self, fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ...) -> None: ...

class FanOut(_message.Message):
    __slots__ = ("items", "max_parallel")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_PARALLEL_FIELD_NUMBER: _ClassVar[int]
    items: str
    max_parallel: int
    def __init__(self, items: _Optional[str] = ..., max_parallel: _Optional[int] = ...) -> None: ...

class Hitl(_message.Message):
    __slots__ = ("payload", "timeout_s", "timeout_policy")
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_POLICY_FIELD_NUMBER: _ClassVar[int]
    payload: str
    timeout_s: float
    timeout_policy: str
    def __init__(self, payload: _Optional[str] = ..., timeout_s: _Optional[float] = ..., timeout_policy: _Optional[str] = ...) -> None: ...

class Compensate(_message.Message):
    __slots__ = ("package", "node", "digest", "input_type", "output_type", "fields", "concurrency")
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    INPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    package: str
    node: str
    digest: str
    input_type: str
    output_type: str
    fields: Fields
    concurrency: int
    def __init__(self, package: _Optional[str] = ..., node: _Optional[str] = ..., digest: _Optional[str] = ..., input_type: _Optional[str] = ..., output_type: _Optional[str] = ..., fields: _Optional[_Union[Fields, _Mapping]] = ..., concurrency: _Optional[int] = ...) -> None: ...

class Retry(_message.Message):
    __slots__ = ("max_attempts", "initial_interval_ms", "backoff_coefficient", "max_interval_ms", "jitter", "non_retryable")
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    INITIAL_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_COEFFICIENT_FIELD_NUMBER: _ClassVar[int]
    MAX_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    NON_RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    max_attempts: int
    initial_interval_ms: float
    backoff_coefficient: float
    max_interval_ms: float
    jitter: float
    non_retryable: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, max_attempts: _Optional[int] = ..., initial_interval_ms: _Optional[float] = ..., backoff_coefficient: _Optional[float] = ..., max_interval_ms: _Optional[float] = ..., jitter: _Optional[float] = ..., non_retryable: _Optional[_Iterable[str]] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("source", "destination", "fields", "condition", "loop", "max_iterations", "on_error")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESTINATION_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    LOOP_FIELD_NUMBER: _ClassVar[int]
    MAX_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    ON_ERROR_FIELD_NUMBER: _ClassVar[int]
    source: int
    destination: int
    fields: Fields
    condition: str
    loop: bool
    max_iterations: int
    on_error: bool
    def __init__(self, source: _Optional[int] = ..., destination: _Optional[int] = ..., fields: _Optional[_Union[Fields, _Mapping]] = ..., condition: _Optional[str] = ..., loop: _Optional[bool] = ..., max_iterations: _Optional[int] = ..., on_error: _Optional[bool] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("graph_id", "tenant", "flow", "mode", "placements", "edges", "entry", "terminal", "content_hash", "created_ns", "description")
    GRAPH_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    CONTENT_HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    graph_id: str
    tenant: str
    flow: str
    mode: str
    placements: _containers.RepeatedCompositeFieldContainer[Placement]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    entry: int
    terminal: int
    content_hash: str
    created_ns: int
    description: str
    def __init__(self, graph_id: _Optional[str] = ..., tenant: _Optional[str] = ..., flow: _Optional[str] = ..., mode: _Optional[str] = ..., placements: _Optional[_Iterable[_Union[Placement, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., entry: _Optional[int] = ..., terminal: _Optional[int] = ..., content_hash: _Optional[str] = ..., created_ns: _Optional[int] = ..., description: _Optional[str] = ...) -> None: ...

class Package(_message.Message):
    __slots__ = ("name", "version", "digest", "manifest", "descriptor_set", "bundle", "pushed_ns", "own_proto")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTOR_SET_FIELD_NUMBER: _ClassVar[int]
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    PUSHED_NS_FIELD_NUMBER: _ClassVar[int]
    OWN_PROTO_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    digest: str
    manifest: str
    descriptor_set: bytes
    bundle: bytes
    pushed_ns: int
    own_proto: bytes
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ..., manifest: _Optional[str] = ..., descriptor_set: _Optional[bytes] = ..., bundle: _Optional[bytes] = ..., pushed_ns: _Optional[int] = ..., own_proto: _Optional[bytes] = ...) -> None: ...

class FlowDraft(_message.Message):
    __slots__ = ("name", "document", "updated_ns", "graph_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_NS_FIELD_NUMBER: _ClassVar[int]
    GRAPH_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    document: str
    updated_ns: int
    graph_id: str
    def __init__(self, name: _Optional[str] = ..., document: _Optional[str] = ..., updated_ns: _Optional[int] = ..., graph_id: _Optional[str] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("tenant", "name", "first8", "last4", "created_ns", "revoked_ns", "console", "last_used_ns")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIRST8_FIELD_NUMBER: _ClassVar[int]
    LAST4_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_NS_FIELD_NUMBER: _ClassVar[int]
    CONSOLE_FIELD_NUMBER: _ClassVar[int]
    LAST_USED_NS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    name: str
    first8: str
    last4: str
    created_ns: int
    revoked_ns: int
    console: bool
    last_used_ns: int
    def __init__(self, tenant: _Optional[str] = ..., name: _Optional[str] = ..., first8: _Optional[str] = ..., last4: _Optional[str] = ..., created_ns: _Optional[int] = ..., revoked_ns: _Optional[int] = ..., console: _Optional[bool] = ..., last_used_ns: _Optional[int] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("api_key", "created_ns")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    api_key: bytes
    created_ns: int
    def __init__(self, api_key: _Optional[bytes] = ..., created_ns: _Optional[int] = ...) -> None: ...

class SignInLink(_message.Message):
    __slots__ = ("api_key", "created_ns", "used_ns")
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    USED_NS_FIELD_NUMBER: _ClassVar[int]
    api_key: bytes
    created_ns: int
    used_ns: int
    def __init__(self, api_key: _Optional[bytes] = ..., created_ns: _Optional[int] = ..., used_ns: _Optional[int] = ...) -> None: ...

class Tenant(_message.Message):
    __slots__ = ("retention_days", "name", "created_ns", "disabled_ns")
    RETENTION_DAYS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_NS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_NS_FIELD_NUMBER: _ClassVar[int]
    retention_days: float
    name: str
    created_ns: int
    disabled_ns: int
    def __init__(self, retention_days: _Optional[float] = ..., name: _Optional[str] = ..., created_ns: _Optional[int] = ..., disabled_ns: _Optional[int] = ...) -> None: ...

class Act(_message.Message):
    __slots__ = ("by", "kind", "subject", "detail")
    BY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    by: str
    kind: str
    subject: str
    detail: str
    def __init__(self, by: _Optional[str] = ..., kind: _Optional[str] = ..., subject: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class TenantLimits(_message.Message):
    __slots__ = ("requests_per_s", "requests_burst", "invocations_per_s", "invocations_burst", "executions_max", "flow_executions_max")
    REQUESTS_PER_S_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_BURST_FIELD_NUMBER: _ClassVar[int]
    INVOCATIONS_PER_S_FIELD_NUMBER: _ClassVar[int]
    INVOCATIONS_BURST_FIELD_NUMBER: _ClassVar[int]
    EXECUTIONS_MAX_FIELD_NUMBER: _ClassVar[int]
    FLOW_EXECUTIONS_MAX_FIELD_NUMBER: _ClassVar[int]
    requests_per_s: float
    requests_burst: int
    invocations_per_s: float
    invocations_burst: int
    executions_max: int
    flow_executions_max: int
    def __init__(self, requests_per_s: _Optional[float] = ..., requests_burst: _Optional[int] = ..., invocations_per_s: _Optional[float] = ..., invocations_burst: _Optional[int] = ..., executions_max: _Optional[int] = ..., flow_executions_max: _Optional[int] = ...) -> None: ...

class Idempotency(_message.Message):
    __slots__ = ("execution_id", "body_hash")
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_HASH_FIELD_NUMBER: _ClassVar[int]
    execution_id: bytes
    body_hash: bytes
    def __init__(self, execution_id: _Optional[bytes] = ..., body_hash: _Optional[bytes] = ...) -> None: ...
