"""Every hard bound of axiomd, in one place, with the relations that must hold between them.

Settings are what an operator chooses; limits are what the code relies on.
"""

KIB = 1024
MIB = 1024 * KIB

DOCUMENT_BYTES_MAX = 1 * MIB
"""A flow source or a manifest as text."""
DOCUMENT_NODES_MAX = 200_000
"""Scalars, lists and mappings in one YAML document, aliases expanded."""
JSON_DEPTH_MAX = 100
"""Nesting of an input; protobuf's own parsers stop at 100 messages too."""
PROBLEMS_MAX = 100
"""Problems reported of one input; the error says if there are more."""

HEAD_BYTES_MAX = 64 * KIB
"""Request line and headers of one request."""
HEADERS_MAX = 100
"""Headers of one request."""
TARGET_BYTES_MAX = 16 * KIB
"""Path and query of one request."""
BODY_BYTES_PER_S_MIN = 16 * KIB
"""Rate at which the time for a request's body grows."""

PACKAGE_FILES_MAX = 2_000
"""Files in one package."""
PACKAGE_BYTES_MAX = 16 * MIB
"""All files of one package together, unpacked."""
REQUIREMENTS_BYTES_MAX = 64 * KIB
"""A package's `requirements.txt`."""
ENVIRONMENT_BUILDS_MAX = 2
"""Environments that are built side by side; the others wait their turn."""
BUILD_LOG_LINES_MAX = 2_000
"""Lines kept of what one build said, the last ones."""
BUILD_LINE_BYTES_MAX = 4 * KIB
"""One line of a build's log; what is longer is cut."""

PLACEMENTS_MAX = 10_000
"""Placements in one flow."""
EDGES_MAX = 40_000
"""Edges in one flow."""
EXPRESSION_CHARS_MAX = 4_096
"""One CEL expression of a flow."""
ITERATIONS_MAX = 1_000_000
"""What the `max_iterations` of a loop can be."""
ITERATIONS_DEFAULT = 1_000
"""The last iteration of a loop that has a condition and no `max_iterations`."""
PAUSE_PAYLOAD_BYTES_MAX = 64 * KIB
"""What a person is shown beside the input at a pause, as JSON."""
FAN_OUT_DEPTH_MAX = 2
"""Fan-outs within each other."""
SUBFLOW_DEPTH_MAX = 8
"""Artifacts that run as child executions within each other."""
PLACEMENT_INDEX_MAX = 0xFFFF
"""Placement numbers are stored in two bytes."""

INLINE_BYTES_MAX = 64 * KIB
"""A payload larger than this lives out of band, in a blob."""
STREAMED_BYTES_MIN = 1 * MIB
"""A payload from this size on is read and sent in pieces, never held whole to be sent."""
PIECE_BYTES_MAX = 768 * KIB
"""One such piece; a multiple of three, as base64 wants."""
PAYLOAD_BYTES_CEILING = 1024 * MIB
"""What the payload cap can be raised to: lengths in node frames are 32 bits."""

MAP_START_BYTES = 1024 * MIB
"""Size that the store's map is opened with, unless the store is larger."""
MAP_STEP_BYTES_MAX = 64 * 1024 * MIB
"""What a full map grows by at most; below it, it doubles."""

COMMIT_BATCH_COUNT_MAX = 512
"""Commits in one LMDB transaction."""
COMMIT_BATCH_BYTES_MAX = 16 * MIB
"""Bytes of rows in one LMDB transaction, beyond which the next batch begins."""
JOURNAL_ENTRIES_MAX = 1_000_000
"""Entries of one execution's journal; one more fails it."""
JOURNAL_UNDOING_MAX = 1_000_000
"""Entries more that the journal of an execution takes which undoes what it has done."""
JOURNAL_NOTES_MAX = 500_000
"""Length of a journal from which on it takes no more logs and other notes, only decisions."""

SCAN_ROWS_MAX = 5_000
"""Index rows one list request looks at before it hands back a cursor."""
PAGE_ROWS_MAX = 1_000
"""Rows one list request returns."""

HELD_SHOWN_MAX = 100
"""Held visits of a debug session that are shown with their input."""
FORK_SLICE_ENTRIES_MAX = 256
"""Entries of a fork's history that are copied in one commit."""
FORK_SLICE_BYTES_MAX = 1 * MIB
"""Bytes of such a slice, beyond the last entry."""

FORGET_ROWS_MAX = 16
"""Rows of executions that are being forgotten which go in one commit."""
FORGET_EXECUTIONS_MAX = 32
"""Executions that are looked at for one such commit."""
UPGRADE_ROWS_MAX = 1_000
"""Rows that a step from one format of the store to the next looks at in one transaction."""

VERIFY_ROWS_MAX = 500
"""Rows that `axiomd verify` looks at in one read transaction."""
VERIFY_LOOKS_MAX = 5
"""Times it looks at an execution that changes under its eyes before it is called broken."""
FINDINGS_MAX = 1_000
"""Findings of one `axiomd verify` that are told; what is beyond is only counted."""

STREAM_BATCH_FRAMES_MAX = 256
"""Frames one stream reads from the store, or a node's pump commits, at a time."""
STREAM_BATCH_BYTES_MAX = 1 * MIB
"""Bytes of frames handled at a time, beyond the first."""
STREAM_UNWRITTEN_BYTES_MAX = 4 * MIB
"""Bytes of one node's frames on their way to the disk, beyond the last batch."""
STREAM_AHEAD_FRAMES_MAX = 1_024
"""Durable frames a node may be ahead of the slowest node that reads them."""

LOSSES_MAX = 10
"""Times an execution may lose its worker before it fails."""
STARTS_MAX = 32
"""Waiting executions that are started at a time; the next ones once these are claimed on disk."""
DUE_BATCH_MAX = 256
"""Executions woken at a time."""

ARTIFACTS_CACHED_MAX = 1_000
"""Artifacts kept decoded in memory."""
PRIORITY_MAX = 9
"""The highest priority of an execution; the lowest is 0."""
PRIORITY_DEFAULT = 5
"""The priority of an execution of which nothing else was said."""
RATE_MAX = 1_000_000
"""What a rate, a burst or a number of running executions can be limited to."""
USAGE_DAYS = 30
"""Days of which accepted executions are counted, today included."""
USAGE_ROWS_MAX = 500_000
"""Index rows that one look at a tenant's usage reads of each index."""
USAGE_SLICE_ROWS_MAX = 1_000
"""Those of them that are read in one transaction."""
USAGE_TENANTS_MAX = 1_000
"""Tenants whose usage is kept for some seconds."""
RETENTION_DAYS_MAX = 36_500
"""Days that ended executions can be kept without being kept for ever."""
PACKAGES_CACHED_MAX = 256
"""Packages whose message types are kept in memory."""

COMMENT_CHARACTERS_MAX = 4_000
"""What somebody says who settles a node visit."""
KEY_NAME_CHARACTERS_MAX = 100
"""Length of an API key's name."""
TENANT_NAME_CHARACTERS_MAX = 100
"""Length of a tenant's name."""
SIGN_IN_LINK_S_MAX = 15 * 60
"""Seconds in which a sign-in link can be used, once."""
SIGN_IN_BODY_BYTES_MAX = 1 * KIB
"""Body of a sign-in, which is read before anybody is known."""
WEBUI_FILES_MAX = 2_000
"""Files of the dashboard."""
WEBUI_BYTES_MAX = 64 * MIB
"""Files of the dashboard together, which are held in memory."""

SCHEDULES_MAX = 1_000
"""Schedules that one tenant can have."""
SCHEDULE_NAME_CHARACTERS_MAX = 100
"""Length of a schedule's name."""
SCHEDULE_INPUT_BYTES_MAX = INLINE_BYTES_MAX
"""The input that a schedule gives, as its message: it lives in the schedule's record."""
SCHEDULE_EVERY_S_MAX = 366 * 86_400
"""Seconds from one time of a schedule to the next."""
SCHEDULE_LATE_S_MAX = 60
"""Seconds after which a time of a schedule that nothing was done about counts as missed."""
SCHEDULE_CATCH_UP_MAX = 1_000
"""Missed times that a schedule makes up for, the last ones."""
SCHEDULE_STEPS_MAX = 32
"""Times of one schedule that are dealt with before others have their turn."""
SCHEDULE_TIMES_SHOWN_MAX = 5
"""Coming times of a schedule that its view names."""
CRON_CHARACTERS_MAX = 200
"""Length of a cron expression."""
SECRET_NAME_CHARACTERS_MAX = 100
"""Length of a secret's name, and of a flow config's profile."""
SECRET_VALUE_BYTES_MAX = 64 * KIB
"""A secret's value, in UTF-8."""
SECRETS_PER_TENANT_MAX = 1_000
"""Secrets that one tenant can have."""
FLOW_CONFIGS_PER_TENANT_MAX = 1_000
"""Flow configs that one tenant can have."""
CONFIG_SECRETS_MAX = 100
"""Secrets that one flow config can hold."""
RESEAL_ROWS_MAX = 100
"""Rows that are sealed anew in one transaction when the key is replaced."""

WEBHOOK_URL_CHARACTERS_MAX = 2_048
"""Length of a webhook's URL."""
WEBHOOK_HEADERS_MAX = 20
"""Headers that a webhook sends along."""
WEBHOOK_HEADER_BYTES_MAX = 4 * KIB
"""All of them together."""
WEBHOOK_SUBSCRIPTIONS_MAX = 50
"""Webhooks that one tenant can have for its notifications."""
WEBHOOK_REQUESTS_MAX = 64
"""Requests to receivers of webhooks that are made side by side."""
WEBHOOK_REQUESTS_PER_RECEIVER_MAX = 4
"""Those of one tenant to one host; one at a time while its last one has failed."""
WEBHOOK_ATTEMPTS_MAX = 50
"""Attempts of one delivery that are kept, the last ones."""

LOG_EVENTS_PER_CALL_MAX = 10_000
"""Log and progress events recorded of one node call; the rest is dropped with a warning."""
EVENT_TEXT_BYTES_MAX = 16 * KIB
"""Text of one log event; what is longer is cut."""
EVENT_BYTES_MAX = 64 * KIB
"""One log event with its attributes; those are left out of a larger one."""
LOG_BYTES_PER_CALL_MAX = 8 * MIB
"""Bytes of all log events of one node call; the rest is dropped with a warning."""
DIVERGENCES_MAX = 100
"""Differing frames that are noted of one run of a generator."""

assert TARGET_BYTES_MAX < HEAD_BYTES_MAX
RECOVERY_SLICE_MAX = 256
"""Executions that a start gives back at a time."""
METRIC_SERIES_MAX = 500
"""Label sets of one metric; what is new beyond them counts as `other`."""
WHY_LINKS_MAX = 200
"""Links of one answer to why an execution waits; the rest is counted."""
TRACES_QUEUED_MAX = 2_000
"""Executions and deliveries that wait for their spans to be made; what comes then is dropped."""
TRACE_SPANS_MAX = 10_000
"""Spans of one execution; its further node calls have none."""
SPAN_EVENTS_MAX = 128
"""Events of one span."""
SPANS_BATCH_MAX = 512
"""Spans that are sent to the collector at a time."""
TRACESTATE_CHARACTERS_MAX = 512
"""A `tracestate` that an invocation brings; a longer one is left out."""

assert ITERATIONS_DEFAULT <= ITERATIONS_MAX
assert JOURNAL_NOTES_MAX < JOURNAL_ENTRIES_MAX
assert EVENT_TEXT_BYTES_MAX < EVENT_BYTES_MAX
assert PLACEMENTS_MAX <= PLACEMENT_INDEX_MAX
assert INLINE_BYTES_MAX < COMMIT_BATCH_BYTES_MAX
assert STREAM_BATCH_BYTES_MAX < STREAM_UNWRITTEN_BYTES_MAX < COMMIT_BATCH_BYTES_MAX
assert STREAM_BATCH_FRAMES_MAX <= STREAM_AHEAD_FRAMES_MAX
assert INLINE_BYTES_MAX < STREAMED_BYTES_MIN
assert FORK_SLICE_BYTES_MAX + INLINE_BYTES_MAX < COMMIT_BATCH_BYTES_MAX
assert WEBHOOK_REQUESTS_PER_RECEIVER_MAX < WEBHOOK_REQUESTS_MAX
assert PRIORITY_DEFAULT <= PRIORITY_MAX <= 0xFF
assert USAGE_SLICE_ROWS_MAX <= USAGE_ROWS_MAX
assert PIECE_BYTES_MAX % 3 == 0
assert PAYLOAD_BYTES_CEILING < 2**32
