"""The dashboard's files, read once at the start: a request picks from a table, never from a disk.

Owns which paths are pages, how they are cached and compressed, and what a page may do. Knows
nothing of what the files are: they are what the build of `web/` makes. A page reads the HTTP API
and nothing else, so without the files axiomd lacks a face and nothing more.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from axiomd.api.exchange import Scope, Send
from axiomd.errors import Problem, SettingsInvalid
from axiomd.limits import MIB, WEBUI_BYTES_MAX, WEBUI_FILES_MAX

INDEX = "/index.html"

_PACKAGE = Path(__file__).resolve().parent.parent
_PLACES = (_PACKAGE / "webui", _PACKAGE.parent / "web" / "dist")
"""Where the files are in an installed package, and beside one that is installed for editing."""

_API = ("/invocations", "/app", "/healthz", "/readyz", "/metrics", "/openapi.json")
"""What is never a page; neither is anything below it."""
_ASSETS = "/assets/"
"""Files whose names change with their content."""

_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
_OTHER_TYPE = "application/octet-stream"
_ENCODINGS: Mapping[str, str] = {".br": "br", ".gz": "gzip"}
"""Suffix of a compressed sibling to its name in HTTP, the better one first."""

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_ALWAYS = "no-cache"

_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""Nothing from elsewhere, no script in a page. The canvas sets styles, so those may be inline."""
_SAFETY = (
    (b"content-security-policy", _POLICY.encode()),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"vary", b"Accept, Accept-Encoding"),
)
"""What every file is sent with, beside what every answer is.

One path may be a page or, for who wants JSON, none.
"""

_WITHOUT = b"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>axiomd</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; \
padding: 0 1rem } code, pre { font-family: ui-monospace, monospace }</style></head>
<body>
<h1>axiomd is running</h1>
<p>This installation has no dashboard. The API, the commands and your flows work without it.</p>
<p>To get one, in a clone of the repository, either build it beside an editable installation:</p>
<pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build</pre>
<p>or install with it, which fetches Node if this machine has none:</p>
<pre>AXIOMD_WEB=build pip install .</pre>
<p>then start axiomd again. <code>AXIOMD_WEBUI</code> may name a directory of built files.</p>
</body>
</html>
"""


@attrs.frozen
class Form:
    """A file as it is sent under one encoding."""

    content: bytes
    etag: bytes


@attrs.frozen
class File:
    """A file of the dashboard."""

    content_type: bytes
    cache_control: bytes
    forms: Mapping[str, Form]
    """By encoding, the best one first; `identity` is always there, and last."""


class Dashboard:
    """Every file that there is to send."""

    def __init__(self, files: Mapping[str, File]) -> None:
        """files: by path; INDEX is among them."""
        self._files = files

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Answer a request that is for a page or a file; False if it is for somebody else."""
        if scope["method"] not in ("GET", "HEAD") or _is_api(scope["path"]):
            return False
        headers = dict(scope["headers"])
        file = self._find(scope["path"], headers.get(b"accept", b"").decode("latin-1"))
        if file is None:
            return False
        encodings = accepted_encodings(headers.get(b"accept-encoding", b"").decode("latin-1"))
        name, form = next(
            (name, form)
            for name, form in file.forms.items()
            if name in encodings or name == "identity"
        )
        raw = [*_SAFETY, (b"etag", form.etag), (b"cache-control", file.cache_control)]
        if _is_known(headers.get(b"if-none-match", b""), form.etag):
            await _send(send, 304, raw, b"")
            return True
        raw += [(b"content-type", file.content_type)]
        raw += [(b"content-length", str(len(form.content)).encode())]
        if name != "identity":
            raw.append((b"content-encoding", name.encode()))
        await _send(send, 200, raw, form.content if scope["method"] == "GET" else b"")
        return True

    def _find(self, path: str, accept: str) -> File | None:
        """The file of that path; for who looks at any other one with a browser, the page."""
        file = self._files.get(path)
        if file is not None or path.startswith(_ASSETS):
            return file
        return self._files[INDEX] if path == "/" or wants_page(accept) else None


def open_dashboard(chosen: str | None) -> Dashboard:
    """The dashboard of this installation, or the page that says how to get one.

    chosen: a directory that was named instead. Raises SettingsInvalid if it is none of ours.
    """
    places = (Path(chosen),) if chosen else _PLACES
    found = next((place for place in places if (place / "index.html").is_file()), None)
    if found is None and chosen:
        raise _refusal(f"{chosen} has no index.html")
    if found is None:
        return Dashboard({INDEX: _file(INDEX, {"identity": _WITHOUT})})
    return Dashboard(_read(found))


def _read(directory: Path) -> dict[str, File]:
    contents = dict(_contents(directory))
    plain = [path for path in contents if not _is_sibling(path, contents)]
    return {
        path: _file(path, {**_siblings(path, contents), "identity": contents[path]})
        for path in plain
    }


def _contents(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Every file by the path that it is asked for by; within bounds, since all are held."""
    size = 0
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    if len(paths) > WEBUI_FILES_MAX:
        raise _refusal(f"{directory} has {len(paths)} files, more than {WEBUI_FILES_MAX}")
    for path in paths:
        size += path.stat().st_size
        if size > WEBUI_BYTES_MAX:
            raise _refusal(f"{directory} has more than {WEBUI_BYTES_MAX // MIB} MiB")
        yield f"/{path.relative_to(directory).as_posix()}", path.read_bytes()


def _refusal(words: str) -> SettingsInvalid:
    problems = [Problem("AXIOMD_WEBUI", words)]
    return SettingsInvalid("The dashboard cannot be served.", problems=problems)


def _is_sibling(path: str, contents: Mapping[str, bytes]) -> bool:
    stem, dot, suffix = path.rpartition(".")
    return dot + suffix in _ENCODINGS and stem in contents


def _siblings(path: str, contents: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name: contents[path + suffix]
        for suffix, name in _ENCODINGS.items()
        if path + suffix in contents
    }


def _file(path: str, contents: Mapping[str, bytes]) -> File:
    lasting = path.startswith(_ASSETS)
    suffix = path[path.rfind(".") :] if "." in path else ""
    return File(
        _TYPES.get(suffix.lower(), _OTHER_TYPE).encode(),
        (_FOR_EVER if lasting else _ASK_ALWAYS).encode(),
        {name: Form(content, _etag(name, content)) for name, content in contents.items()},
    )


def _etag(encoding: str, content: bytes) -> bytes:
    """Each form has its own: a cache may not take one for the other."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}-{encoding}"'.encode()


def _is_api(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _API)


def wants_page(accept: str) -> bool:
    """Whether who asks names HTML as what it takes; browsers do when somebody goes to a page."""
    return any(kind in ("text/html", "application/xhtml+xml") for kind, _ in _weighed(accept))


def accepted_encodings(text: str) -> frozenset[str]:
    """The encodings that an Accept-Encoding header allows; `*` stands for all we have."""
    weights = dict(_weighed(text, least=-1.0))
    every = weights.get("*", 0.0)
    return frozenset(name for name in _ENCODINGS.values() if weights.get(name, every) > 0)


def _weighed(text: str, least: float = 0.0) -> Iterator[tuple[str, float]]:
    """The names of a header that weighs them, and their weights above `least`."""
    for part in text.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((_number(word[2:]) for word in parameters if word.startswith("q=")), 1.0)
        if name and weight > least:
            yield name, weight


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _is_known(header: bytes, etag: bytes) -> bool:
    """Whether If-None-Match names this form."""
    given = [tag.strip().removeprefix(b"W/") for tag in header.split(b",")]
    return etag in given or b"*" in given


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
