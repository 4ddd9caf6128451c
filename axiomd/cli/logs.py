"""Where log lines go and how they look: one line each, on stderr.

For people a failure adds its traceback, which names places in the code and never the values
there: those may be keys and payloads. Configured once, when a server starts. Lines of libraries
that use the standard library's logging take the same way.
"""

import logging
import sys

import structlog

from axiomd.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Set up structlog and the standard library's logging."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    ending = _json_ending() if as_json else _console_ending()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(settings.level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(settings.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _json_ending() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _console_ending() -> list[structlog.typing.Processor]:
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    ]
