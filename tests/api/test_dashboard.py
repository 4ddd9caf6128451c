"""The dashboard's files: which paths are pages, what they are sent with, and what never is sent."""

import gzip
import socket

import httpx
import pytest
import trio
from api.stand_in import BR, PAGE, SCRIPT, make_webui
from system.box import Box

from axiomd.api import dashboard as product
from axiomd.errors import SettingsInvalid

PAGE_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
"""What browsers send when somebody goes to a page."""
APP = "/assets/app-1a2b.js"


@pytest.fixture
def browser(box: Box):
    headers = {"Accept": PAGE_ACCEPT, "Accept-Encoding": "identity"}
    with httpx.Client(base_url=box.url, headers=headers, trust_env=False) as http:
        yield http


def raw(box: Box, target: str, headers: str = "") -> bytes:
    """The whole answer to a request line that no client library would send."""
    with socket.create_connection(("127.0.0.1", box.port), timeout=10) as wire:
        lines = f"GET {target} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n{headers}\r\n"
        wire.sendall(lines.encode("latin-1"))
        parts = []
        while part := wire.recv(65536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/index.html",
        "/executions",
        "/executions/0123456789abcdef0123456789abcdef",
        "/flows/acme/greeting",
        "/console/keys",
        "/sign-in",
        "/sign-in?next=%2Fflows",
        "/invocationsandmore",
        "/apples",
        "/app.html",
    ],
)
def test_whatever_is_no_api_is_the_page_for_a_browser(browser, path):
    answer = browser.get(path)
    assert (answer.status_code, answer.text) == (200, PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/invocations", 404),
        ("/invocations/v1/nothing", 401),
        ("/app", 404),
        ("/app/v1/nothing", 401),
        ("/metrics/x", 404),
        ("/readyz/x", 404),
        ("/assets/gone-0000.js", 404),
        ("/assets", 200),
        ("/assets/", 404),
    ],
)
def test_the_api_and_lost_assets_stay_what_they_are(browser, path, status):
    answer = browser.get(path)
    assert answer.status_code == status
    assert (answer.headers["content-type"] == "application/json") == (status != 200)


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html;q=0, */*", ""])
def test_who_does_not_ask_for_a_page_gets_the_envelope(browser, refused, accept):
    refused(browser.get("/executions/1", headers={"Accept": accept}), 404, "NOT_FOUND")
    assert browser.get("/", headers={"Accept": accept}).text == PAGE


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_pages_are_only_read(browser, method):
    assert browser.request(method, "/").status_code == 404


def test_assets_are_kept_for_ever_and_pages_are_asked_for_again(browser):
    assert browser.get(APP).headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/", "/docs.html", "/favicon.svg", "/flows"):
        assert browser.get(path).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (APP, "text/javascript; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/assets/inter.woff2", "font/woff2"),
        ("/assets/odd.gz", "application/octet-stream"),
        ("/docs.html", "text/html; charset=utf-8"),
    ],
)
def test_files_have_the_types_of_their_names(browser, path, kind):
    assert browser.get(path).headers["content-type"] == kind


def test_everything_has_a_strict_policy(browser):
    for path in ("/", APP, "/console"):
        headers = browser.get(path).headers
        assert headers["content-security-policy"] == (
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
            "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
        )
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert "Accept-Encoding" in headers["vary"]


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0, *", "gzip"),
        ("identity", None),
        ("deflate", None),
        ("", None),
        ("br;q=nonsense", None),
    ],
)
def test_the_best_form_that_is_taken_is_sent(browser, given, chosen):
    with browser.stream("GET", APP, headers={"Accept-Encoding": given}) as answer:
        content = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == chosen
    assert int(answer.headers["content-length"]) == len(content)
    unpacked = {"br": BR, "gzip": gzip.compress(SCRIPT.encode()), None: SCRIPT.encode()}
    if chosen == "gzip":
        assert gzip.decompress(content) == SCRIPT.encode()
    else:
        assert content == unpacked[chosen]


def test_siblings_are_forms_and_no_files(browser):
    assert browser.get(f"{APP}.br").status_code == 404
    assert browser.get("/index.html.gz").text == PAGE


def test_an_etag_is_of_one_form_and_spares_its_content(browser):
    tags = set()
    for encoding in ("identity", "gzip", "br"):
        headers = {"Accept-Encoding": encoding}
        with browser.stream("GET", APP, headers=headers) as answer:
            tag = answer.headers["etag"]
        tags.add(tag)
        for known in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            again = browser.get(APP, headers=headers | {"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
            assert "immutable" in again.headers["cache-control"]
    assert len(tags) == 3
    assert browser.get(APP, headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_says_what_get_would_send(browser):
    for path in ("/", APP, "/flows"):
        head, got = browser.head(path), browser.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert dict(head.headers) | {"date": ""} == dict(got.headers) | {"date": ""}


@pytest.mark.parametrize(
    "target",
    [
        "/assets/../../../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/..%5c..%5cetc%5cpasswd",
        "//etc/passwd",
        "/%00/etc/passwd",
        "/assets/app-1a2b.js%00.html",
        "/assets/./app-1a2b.js",
        "/assets//app-1a2b.js",
        "/ASSETS/app-1a2b.js",
        "/assets/%ff%fe",
    ],
)
def test_a_path_leads_to_no_file_but_by_its_name(box, target):
    for accept in ("", f"Accept: {PAGE_ACCEPT}\r\n"):
        answer = raw(box, target, accept)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"root:" not in answer
        assert SCRIPT.encode() not in answer
        assert b" 404 " in head.splitlines()[0] or body == PAGE.encode()


# -- without a server ---------------------------------------------------------------------------


def asked(files: product.Dashboard, path: str) -> tuple[int, bytes] | None:
    """Status and content of what a browser is answered."""
    sent: list[dict] = []

    async def send(message):
        sent.append(message)

    scope = {"method": "GET", "path": path, "headers": [(b"accept", b"text/html")]}
    if not trio.run(files.answer, scope, send):
        return None
    return sent[0]["status"], sent[1]["body"]


def test_without_files_the_page_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr(product, "_PLACES", (tmp_path,))
    files = product.open_dashboard(None)
    status, content = asked(files, "/") or (0, b"")
    assert status == 200
    for words in (b"npm ci", b"npm run build", b"AXIOMD_WEB=build pip install"):
        assert words in content
    assert asked(files, "/executions") == (200, content)
    assert asked(files, "/invocations/v1/executions") is None
    assert asked(files, "/assets/app.js") is None


def test_files_are_found_where_the_installation_has_them(monkeypatch, tmp_path):
    first, second = tmp_path / "webui", make_webui(tmp_path / "dist")
    monkeypatch.setattr(product, "_PLACES", (first, second))
    assert asked(product.open_dashboard(None), "/") == (200, PAGE.encode())
    make_webui(first)
    (first / "index.html").write_text("first")
    assert asked(product.open_dashboard(None), "/") == (200, b"first")
    assert asked(product.open_dashboard(str(second)), "/") == (200, PAGE.encode())


def test_what_is_named_and_no_dashboard_is_refused(tmp_path):
    with pytest.raises(SettingsInvalid) as refusal:
        product.open_dashboard(str(tmp_path))
    assert str(refusal.value.problems[0]) == f"AXIOMD_WEBUI: {tmp_path} has no index.html"


@pytest.mark.parametrize(
    ("bound", "words"),
    [("WEBUI_FILES_MAX", "has 9 files, more than 3"), ("WEBUI_BYTES_MAX", "has more than 0 MiB")],
)
def test_files_are_held_within_bounds(monkeypatch, tmp_path, bound, words):
    monkeypatch.setattr(product, bound, 3)
    with pytest.raises(SettingsInvalid) as refusal:
        product.open_dashboard(str(make_webui(tmp_path)))
    assert words in str(refusal.value.problems[0])
