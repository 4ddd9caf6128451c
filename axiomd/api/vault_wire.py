"""Bodies of secrets and flow configs, checked. No refusal quotes a value."""

from collections.abc import Iterator, Mapping
from typing import Annotated

import attrs

from axiomd.api.schema import Words
from axiomd.api.wire import read_body
from axiomd.engine.flow_configs import Wanted
from axiomd.errors import Invalid, NotFound, Problem
from axiomd.execution.flow_configs import NODE_TIMEOUT_S_MAX, NODE_TIMEOUT_S_MIN
from axiomd.execution.redaction import SECRET_CHARACTERS_MIN
from axiomd.flow.package import SECRET_NAME
from axiomd.flow.source import FLOW_NAME
from axiomd.ids import ARTIFACT_ID
from axiomd.limits import KIB, SECRET_NAME_CHARACTERS_MAX, SECRET_VALUE_BYTES_MAX

SecretText = Annotated[
    str, Words(minLength=SECRET_CHARACTERS_MIN, maxLength=SECRET_VALUE_BYTES_MAX)
]
Profile = Annotated[str, Words(minLength=1, maxLength=SECRET_NAME_CHARACTERS_MAX)]
NodeTimeout = Annotated[float, Words(minimum=NODE_TIMEOUT_S_MIN, maximum=NODE_TIMEOUT_S_MAX)]
FlowName = Annotated[str, Words(pattern=f"^{FLOW_NAME.pattern}$")]


@attrs.frozen
class SecretBody:
    """What a secret is set to."""

    value: SecretText = attrs.field(repr=False)
    """Text, at most 64 KiB of it, with four characters besides white space."""


@attrs.frozen
class ConfigBody:
    """What a flow config is to be."""

    flow: FlowName | None
    """Null for all flows of the tenant; a config stays with its flow."""
    profile: Profile
    """`default` holds without being named."""
    node_timeout_seconds: NodeTimeout | None = None
    """What a node call may take."""
    secrets: Mapping[str, SecretText | None] | None = attrs.field(default=None, repr=False)
    """All of them by name; null keeps the value of a name. Left out, all stay as they are."""


def read_secret(name: str, body: bytes) -> str:
    """The value that a secret is set to. Raises Malformed, Invalid."""
    read = read_body(body, SecretBody)
    problems = [*_name_problems(name, "name"), *_value_problems(read.value, "value")]
    if problems:
        raise Invalid("The secret is not valid.", problems=problems)
    return read.value


def known_name(name: str) -> str:
    """A name that a secret can have. Raises NotFound."""
    if any(_name_problems(name, "")):
        raise NotFound("There is no such secret.")
    return name


def known_config_id(config_id: str) -> str:
    """An ID that a flow config can have. Raises NotFound."""
    if not ARTIFACT_ID.fullmatch(config_id):
        raise NotFound("There is no such flow config.")
    return config_id


def read_config(body: bytes) -> Wanted:
    """What a flow config is to be. Raises Malformed, Invalid."""
    read = read_body(body, ConfigBody)
    problems = list(_config_problems(read))
    if problems:
        raise Invalid("The flow config is not valid.", problems=problems)
    return Wanted(read.flow or "", read.profile, read.node_timeout_seconds or 0.0, read.secrets)


def _config_problems(read: ConfigBody) -> Iterator[Problem]:
    if read.flow is not None and not FLOW_NAME.fullmatch(read.flow):
        yield Problem("flow", "must be handle/name, such as acme/order-intake, or null for all")
    length = len(read.profile)
    if not (1 <= length <= SECRET_NAME_CHARACTERS_MAX and read.profile.isprintable()):
        words = f"must be printable text of 1 to {SECRET_NAME_CHARACTERS_MAX} characters"
        yield Problem("profile", words)
    seconds = read.node_timeout_seconds
    if seconds is not None and not NODE_TIMEOUT_S_MIN <= seconds <= NODE_TIMEOUT_S_MAX:
        words = f"must be from {NODE_TIMEOUT_S_MIN} to {NODE_TIMEOUT_S_MAX}, not {seconds:g}"
        yield Problem("node_timeout_seconds", words)
    for name, value in (read.secrets or {}).items():
        path = f"secrets.{name}"
        yield from _name_problems(name, path)
        if value is not None:
            yield from _value_problems(value, path)


def _name_problems(name: str, path: str) -> Iterator[Problem]:
    if len(name) > SECRET_NAME_CHARACTERS_MAX or not SECRET_NAME.fullmatch(name):
        yield Problem(
            path,
            "must be a name such as API_TOKEN: capital letters, digits and '_', "
            f"{SECRET_NAME_CHARACTERS_MAX} characters at most",
        )


def _value_problems(value: str, path: str) -> Iterator[Problem]:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        yield Problem(path, "must be text: it holds half of a surrogate pair")
        return
    if size > SECRET_VALUE_BYTES_MAX:
        yield Problem(path, f"has more than {SECRET_VALUE_BYTES_MAX // KIB} KiB")
    if len(value.strip()) < SECRET_CHARACTERS_MIN:
        yield Problem(
            path,
            f"has fewer than {SECRET_CHARACTERS_MIN} characters besides white space: "
            "what is so short cannot be kept out of logs without breaking them",
        )
