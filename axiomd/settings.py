"""What an operator may choose: one frozen tree, one section for each owner.

`axiomd.toml` < environment `AXIOMD_SECTION_NAME` < flags; structured strictly, once, with all
problems reported together. The environment of the process is read here and nowhere else.
`axiomd.toml` in the repository's root is the documentation of this tree; a test compares them.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import attrs
import platformdirs

from axiomd.errors import Problem, SettingsInvalid
from axiomd.limits import MIB, PAYLOAD_BYTES_CEILING, RATE_MAX, RETENTION_DAYS_MAX
from axiomd.strict import describe, structure, unknown


def _range(low: float, high: float) -> Any:
    """An attrs validator: low <= value <= high."""

    def check(_: object, field: "attrs.Attribute[float]", value: float) -> None:
        if not low <= value <= high:
            raise ValueError(f"{field.name} must be from {low} to {high}, not {value}")

    return check


def _zero_or(low: float, high: float) -> Any:
    """An attrs validator: 0, or low <= value <= high."""
    within = _range(low, high)

    def check(owner: object, field: "attrs.Attribute[float]", value: float) -> None:
        if value != 0:
            within(owner, field, value)

    return check


def _absolute(_: object, field: "attrs.Attribute[tuple[str, ...]]", value: tuple[str, ...]) -> None:
    """An attrs validator: every path is absolute."""
    for path in value:
        if not Path(path).is_absolute():
            raise ValueError(f"{field.name} must be absolute paths, not {path!r}")


def _endpoint(_: object, field: "attrs.Attribute[str]", value: str) -> None:
    """An attrs validator: empty, or the URL of a server."""
    if not value:
        return
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not value.isascii() or not value.isprintable():
        raise ValueError(f"{field.name} must be a URL such as http://127.0.0.1:4318, not {value!r}")


def _pairs(_: object, field: "attrs.Attribute[str]", value: str) -> None:
    """An attrs validator: `name=value` pairs with commas between them."""
    # Not quoted: values may be secret.
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"{field.name} must be printable ASCII, such as name=value,other=value")
    for part in filter(None, value.split(",")):
        name, equals, _rest = part.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"{field.name} must be pairs such as name=value,other=value")


@attrs.frozen
class ServerSettings:
    """[server]"""

    bind: str = "127.0.0.1:8700"
    """Address and port to listen on."""
    body_bytes_max: int = attrs.field(default=16 * MIB, validator=_range(1024, 1024 * MIB))
    """Largest request body taken, in bytes."""
    keep_alive_s: float = attrs.field(default=15.0, validator=_range(0.05, 300))
    """Seconds of silence after which a stream sends a comment."""
    stop_grace_s: float = attrs.field(default=1.5, validator=_range(0, 60))
    """Seconds that open requests get to finish at shutdown."""
    send_timeout_s: float = attrs.field(default=60.0, validator=_range(0.5, 86_400))
    """Seconds after which a client that takes no bytes is dropped; it may come back and go on."""
    session_days: float = attrs.field(default=7.0, validator=_range(0.001, 365))
    """Days after which whoever signed in to the dashboard has to sign in again."""
    connections_max: int = attrs.field(default=4096, validator=_range(1, 1_000_000))
    """Connections open at a time; then who has kept us waiting for a request longest is dropped."""
    idle_timeout_s: float = attrs.field(default=75.0, validator=_range(0.1, 86_400))
    """Seconds after which a connection without a request is closed."""
    head_timeout_s: float = attrs.field(default=10.0, validator=_range(0.1, 3600))
    """Seconds that the head of a request may take from its first byte."""
    body_timeout_s: float = attrs.field(default=30.0, validator=_range(0.1, 3600))
    """Seconds that the body of a request may take, and one more for each 16 KiB of it."""
    names: tuple[str, ...] = ()
    """Host names that requests may be made to, besides addresses and localhost; all if empty."""
    open_metrics: bool = False
    """Whether `/metrics` is told to anybody, without a key of the tenant `default`."""


@attrs.frozen
class StoreSettings:
    """[store]"""

    data_dir: str = ""
    """Directory of everything durable; empty takes the platform's data directory."""
    map_size_bytes: int = attrs.field(default=0, validator=_zero_or(MIB, 2**46))
    """Size the store may grow to, in bytes; 0 for as far as the disk goes."""
    sync: bool = True
    """Whether commits reach the disk before they are acknowledged; off only in tests."""


@attrs.frozen
class EngineSettings:
    """[engine]"""

    slots: int = attrs.field(default=1024, validator=_range(1, 10_000))
    """Executions that are worked on side by side; of each tenant one may come on top."""
    node_timeout_s: float = attrs.field(default=300.0, validator=_range(1, 3600))
    """Seconds a node call may take where nothing else is said."""
    payload_bytes_max: int = attrs.field(
        default=16 * MIB, validator=_range(64 * 1024, PAYLOAD_BYTES_CEILING)
    )
    """Largest message a node may return, in bytes."""
    drain_s: float = attrs.field(default=1.0, validator=_range(0, 3600))
    """Seconds that running node calls get to finish at shutdown; the rest resumes after it."""
    started_delay_ms: float = attrs.field(default=10.0, validator=_range(0, 1000))
    """Milliseconds a `node_started` event may wait for the checkpoint it shares a commit with."""


@attrs.frozen
class LimitsSettings:
    """[limits]"""

    requests_per_s: float = attrs.field(default=0.0, validator=_range(0, RATE_MAX))
    """Requests a second that a tenant may make on any routes, on average; 0 for no bound."""
    requests_burst: int = attrs.field(default=0, validator=_range(0, RATE_MAX))
    """Requests that may come at once after a silence; 0 for those of one second."""
    invocations_per_s: float = attrs.field(default=0.0, validator=_range(0, RATE_MAX))
    """Requests a second of a tenant that start executions or nodes, on average; 0 for no bound."""
    invocations_burst: int = attrs.field(default=0, validator=_range(0, RATE_MAX))
    """Such requests that may come at once after a silence; 0 for those of one second."""
    executions_max: int = attrs.field(default=0, validator=_range(0, RATE_MAX))
    """Executions of a tenant that workers have at a time; more stay queued; 0 for no bound."""
    flow_executions_max: int = attrs.field(default=0, validator=_range(0, RATE_MAX))
    """The same of each of its flows; 0 for no bound."""


@attrs.frozen
class RetentionSettings:
    """[retention]"""

    days: float = attrs.field(default=30.0, validator=_range(0, RETENTION_DAYS_MAX))
    """Days that executions are kept after their end; 0 keeps them for ever."""
    audit_days: float = attrs.field(default=365.0, validator=_range(0, RETENTION_DAYS_MAX))
    """Days that the log of administrative acts is kept; 0 keeps it for ever."""


@attrs.frozen
class RunnerSettings:
    """[runners]"""

    processes_max: int = attrs.field(default=64, validator=_range(1, 4096))
    """Node processes for unary calls on this box, all packages together; streams have others."""
    streams_max: int = attrs.field(default=512, validator=_range(1, 4096))
    """Streams, each a node process, beyond which only executions that have one start more."""
    processes_initial: int = attrs.field(default=2, validator=_range(1, 64))
    """Node processes a package may start at once; more come when calls have to wait."""
    grow_after_ms: float = attrs.field(default=5.0, validator=_range(0, 10_000))
    """Milliseconds without any call ending, after which a waiting call gets a new process."""
    idle_s: float = attrs.field(default=60.0, validator=_range(0.1, 86_400))
    """Seconds after which an unused node process is ended, but for one of each package."""
    start_timeout_s: float = attrs.field(default=20.0, validator=_range(0.5, 600))
    """Seconds a package's first process may take to be ready."""
    spare: bool = True
    """Whether a package that is used keeps one process ready that has run nothing yet."""
    calls_max: int = attrs.field(default=10_000, validator=_range(1, 2**31))
    """Calls after which a node process is replaced."""
    growth_mib_max: int = attrs.field(default=256, validator=_range(1, 2**20))
    """Memory a node process may gain after its first call before it is replaced, in MiB."""
    cancel_grace_s: float = attrs.field(default=0.15, validator=_range(0, 10))
    """Seconds a call that shares its process gets to end when cancelled; then that is killed."""
    zygotes_max: int = attrs.field(default=64, validator=_range(1, 4096))
    """Packages kept loaded; one more ends the one whose last use is longest ago, if it is idle."""
    zygote_idle_s: float = attrs.field(default=600.0, validator=_range(0.1, 7 * 86_400))
    """Seconds without use after which everything of a package is ended."""
    sandbox: Literal["auto", "off", "strict"] = "auto"
    """What confines node code: `auto` the kernel, `strict` bubblewrap too, without network."""
    readable: tuple[str, ...] = attrs.field(default=(), validator=_absolute)
    """Files and directories that node code may read besides its package and the system's."""
    writable: tuple[str, ...] = attrs.field(default=(), validator=_absolute)
    """Files, directories and devices that node code may use in every way besides its scratch."""
    memory_mib: int = attrs.field(default=0, validator=_range(0, 4 * MIB))
    """MiB a node process may allocate where its placement does not say; 0 for no limit."""
    preload: bool = True
    """Whether node modules are imported once for all processes of a package, where that is safe."""


@attrs.frozen
class EnvironmentSettings:
    """[environments]"""

    wheels_dir: str = ""
    """Directory of wheels that packages are installed from, without asking an index."""
    index: bool = False
    """Whether pip may ask the package index beside `wheels_dir`; it always does without one."""
    build_timeout_s: float = attrs.field(default=1800.0, validator=_range(1, 86_400))
    """Seconds that building one package environment may take."""


@attrs.frozen
class WebhookSettings:
    """[webhooks]"""

    allow_private: bool = False
    """Whether webhooks may lead to private, loopback, link-local and other inward addresses."""
    timeout_s: float = attrs.field(default=20.0, validator=_range(0.1, 600))
    """Seconds that one request to a receiver may take, from looking up its name to its answer."""
    days: float = attrs.field(default=30.0, validator=_range(0.01, RETENTION_DAYS_MAX))
    """Days that notifications of executions which go on are kept; others go with theirs."""


@attrs.frozen
class TraceSettings:
    """[traces]"""

    otlp_endpoint: str = attrs.field(default="", validator=_endpoint)
    """OTLP collector that takes spans over HTTP, such as http://127.0.0.1:4318; empty for none."""
    headers: str = attrs.field(default="", validator=_pairs, repr=False)
    """Headers sent to the collector: `name=value,other=value`, with %-escapes in the values."""
    service_name: str = "axiomd"
    """What the spans call this box."""

    @property
    def header_pairs(self) -> dict[str, str]:
        """The headers by name."""
        parts = (part.partition("=") for part in self.headers.split(",") if part)
        return {name.strip().lower(): unquote(value).strip() for name, _, value in parts}


LogFormat = Literal["auto", "console", "json"]


@attrs.frozen
class LogSettings:
    """[log]"""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""
    format: LogFormat = "auto"
    """One line each: `console` for people, `json` for machines, `auto` by terminal."""


@attrs.frozen
class Settings:
    """The whole tree."""

    server: ServerSettings = attrs.field(factory=ServerSettings)
    store: StoreSettings = attrs.field(factory=StoreSettings)
    engine: EngineSettings = attrs.field(factory=EngineSettings)
    limits: LimitsSettings = attrs.field(factory=LimitsSettings)
    retention: RetentionSettings = attrs.field(factory=RetentionSettings)
    runners: RunnerSettings = attrs.field(factory=RunnerSettings)
    environments: EnvironmentSettings = attrs.field(factory=EnvironmentSettings)
    webhooks: WebhookSettings = attrs.field(factory=WebhookSettings)
    traces: TraceSettings = attrs.field(factory=TraceSettings)
    log: LogSettings = attrs.field(factory=LogSettings)

    @property
    def data_dir(self) -> Path:
        """Where everything durable lives."""
        if self.store.data_dir:
            return Path(self.store.data_dir).expanduser().absolute()
        return Path(platformdirs.user_data_dir("axiomd", appauthor=False))


_DESCRIPTORS_ALWAYS = 256
"""Open files of the store, the log, the socket, and of requests that are being answered."""
_DESCRIPTORS_PER_PROCESS = 3
"""Open files that a node process or a zygote costs the server."""


def descriptors_reserved(settings: Settings) -> int:
    """Open files that everything but the connections of clients may need."""
    runners = settings.runners
    processes = runners.processes_max + runners.streams_max + runners.zygotes_max
    return _DESCRIPTORS_ALWAYS + _DESCRIPTORS_PER_PROCESS * processes


def connections_allowed(settings: Settings, descriptors: int) -> int:
    """Connections that a process with so many open files takes: what is reserved stays free.

    A quarter of the files in any case: with less, nobody could tell why nothing answers.
    """
    room = max(descriptors - descriptors_reserved(settings), descriptors // 4)
    return max(1, min(settings.server.connections_max, room))


Flags = Mapping[str, object]
"""`section.name` to value; None means not given."""


@attrs.frozen
class Loaded:
    """Settings, and where each that is not a default came from."""

    settings: Settings
    sources: Mapping[str, str]
    """`section.name` to the file, the variable or the flag that had the last word."""


def load(path: Path | None, environment: Mapping[str, str], flags: Flags) -> Settings:
    """The settings from a file (if any), the environment and flags, the later ones winning.

    Raises SettingsInvalid with every problem.
    """
    return load_with_sources(path, environment, flags).settings


def load_with_sources(path: Path | None, environment: Mapping[str, str], flags: Flags) -> Loaded:
    """`load`, and who said what."""
    document = _read_file(path) if path else {}
    sources = {
        f"{section}.{name}": str(path)
        for section, names in document.items()
        if isinstance(names, dict)
        for name in names
    }
    problems: list[Problem] = []
    for name, text in environment.items():
        _apply_environment(document, sources, name, text, problems)
    for key, value in flags.items():
        if value is not None:
            section, _, name = key.partition(".")
            _put(document, section, name, value)
            sources[key] = f"--{name.replace('_', '-')}"
    try:
        settings = structure(
            document,
            Settings,
            file=str(path) if path else None,
            error=SettingsInvalid,
            title=_NOT_VALID,
        )
    except SettingsInvalid as refusal:
        problems += [_from_its_source(problem, sources, path) for problem in refusal.problems]
    if problems:
        raise SettingsInvalid(_NOT_VALID, problems=problems)
    return Loaded(settings, sources)


_NOT_VALID = "The settings are not valid."


def _put(document: dict[str, Any], section: str, name: str, value: object) -> None:
    """Give a setting; a section that the file has as something else is told of as such."""
    if isinstance(document.setdefault(section, {}), dict):
        document[section][name] = value


def _from_its_source(problem: Problem, sources: Mapping[str, str], path: Path | None) -> Problem:
    """A problem of what the environment or a flag has set is none of the file."""
    source = sources.get(".".join(problem.path.split(".")[:2]).partition("[")[0])
    if source is None or source == str(path):
        return problem
    return attrs.evolve(problem, file=None, line=None, message=f"{problem.message} ({source})")


def from_process(path: Path | None, flags: Flags) -> Settings:
    """`load` with this process's environment; without a path, `AXIOMD_CONFIG` names the file."""
    return from_process_with_sources(path, flags).settings


def from_process_with_sources(path: Path | None, flags: Flags) -> Loaded:
    """`from_process`, and who said what."""
    chosen = path or (Path(os.environ["AXIOMD_CONFIG"]) if "AXIOMD_CONFIG" in os.environ else None)
    return load_with_sources(chosen, os.environ, flags)


def process_environment(name: str) -> str | None:
    """A variable of this process's environment that is not a setting of the tree."""
    return os.environ.get(name)


def process_environment_below(prefix: str) -> dict[str, str]:
    """The variables of this process's environment whose names begin with `prefix`."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for a program that it starts."""
    return {**os.environ, **changes}


OUTSIDE_THE_TREE = frozenset(
    {
        *("AXIOMD_CONFIG", "AXIOMD_URL", "AXIOMD_API_KEY"),
        *("AXIOMD_WEBUI", "AXIOMD_WEB", "AXIOMD_NODE"),
        *("AXIOMD_CHROMIUM", "AXIOMD_BROWSER"),
    }
)
"""Variables with the prefix that are not settings: the file's path, the client's two, where the
dashboard's files are, and the two of the wheel's build and of the tests in a browser each."""


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsInvalid(f"There is no settings file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as failure:
        raise SettingsInvalid(f"The settings file {path} cannot be read: {failure}") from None


def _apply_environment(
    document: dict[str, Any],
    sources: dict[str, str],
    name: str,
    text: str,
    problems: list[Problem],
) -> None:
    if not name.startswith("AXIOMD_") or name in OUTSIDE_THE_TREE:
        return
    variables = {
        f"AXIOMD_{section.name}_{field.name}".upper(): (section.name, field)
        for section in attrs.fields(Settings)
        for field in attrs.fields(_section_class(section))
    }
    if name not in variables:
        if difflib.get_close_matches(name, [*variables, *OUTSIDE_THE_TREE], n=1, cutoff=0.6):
            problems.append(Problem(name, unknown("variable", name, variables)))
        return
    section, field = variables[name]
    try:
        _put(document, section, field.name, _parse(text, field.type))
        sources[f"{section}.{field.name}"] = name
    except ValueError:
        problems.append(Problem(name, f"{text!r} does not fit: {describe(field.default)} expected"))


def _section_class(section: "attrs.Attribute[Any]") -> Any:
    return section.type


def _parse(text: str, kind: Any) -> object:
    if kind is bool:
        if text.lower() not in ("true", "1", "false", "0"):
            raise ValueError(text)
        return text.lower() in ("true", "1")
    if kind in (int, float):
        return kind(text)
    if kind == tuple[str, ...]:
        return [part for part in text.split(os.pathsep) if part]
    return text
