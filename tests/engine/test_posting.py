"""Requests to real receivers, and to addresses that nothing may be sent to."""

import socket

import httpcore
import pytest
import trio
from worlds.receivers import receiving

from axiomd.engine import posting
from axiomd.engine.posting import NotPosted, Poster
from axiomd.settings import WebhookSettings

OPEN = WebhookSettings(allow_private=True, timeout_s=5)
CLOSED = WebhookSettings(timeout_s=5)


async def pieces(*given):
    for piece in given:
        yield piece


async def post(url, settings=OPEN, content=b"{}", headers=()):
    length = ("Content-Length", str(len(content)))
    return await Poster(settings)(url, (*headers, length), pieces(content))


@pytest.fixture
def names(monkeypatch):
    """Addresses by name, as a resolver would say; and the addresses that were connected to."""
    table, connected = {}, []

    def look_up(host, port, **_):
        if host not in table:
            raise socket.gaierror("no such name")
        found = table[host].pop(0) if len(table[host]) > 1 else table[host][0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    async def connect(_, host, port, *__, **___):
        connected.append(host)
        raise httpcore.ConnectError("nobody is there")

    monkeypatch.setattr(posting.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(httpcore.TrioBackend, "connect_tcp", connect)
    return table, connected


async def test_a_request_comes_as_it_was_made():
    with receiving() as receiver:
        code = await post(f"{receiver.url}?a=b", content=b'{"x":1}', headers=[("X-A", "1")])
        assert code == 200
        (got,) = receiver.got
        assert (got.url, got.body, got.headers["x-a"]) == ("/hook?a=b", b'{"x":1}', "1")
        assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
        assert "transfer-encoding" not in got.headers


async def test_a_large_body_goes_out_in_pieces():
    piece, count = b"x" * 500_000, 40
    with receiving() as receiver:
        length = ("Content-Length", str(len(piece) * count))
        code = await Poster(OPEN)(receiver.url, (length,), pieces(*[piece] * count))
        assert code == 200
        assert len(receiver.got[0].body) == len(piece) * count


async def test_a_loopback_receiver_is_refused_by_default():
    with receiving() as receiver:
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            with pytest.raises(NotPosted, match="loopback address"):
                await post(f"http://{host}:{receiver.port}/", CLOSED)
        assert receiver.got == []


async def test_a_name_that_leads_inward_is_refused_whatever_it_looks_like(names):
    table, connected = names
    table["hooks.example"] = [["10.0.0.1", "169.254.169.254"]]
    with pytest.raises(NotPosted, match=r"10\.0\.0\.1 is a private address"):
        await post("https://hooks.example/", CLOSED)
    assert connected == []


async def test_a_name_is_asked_once_and_what_was_judged_is_connected_to(names):
    table, connected = names
    table["rebinds.example"] = [["1.1.1.1"], ["127.0.0.1"]]
    with pytest.raises(NotPosted, match=r"1\.1\.1\.1 port 80: nobody is there"):
        await post("http://rebinds.example/", CLOSED)
    assert connected == ["1.1.1.1"]
    with pytest.raises(NotPosted, match="loopback address"):
        await post("http://rebinds.example/", CLOSED)
    assert connected == ["1.1.1.1"], "each request judges anew"


async def test_of_several_addresses_only_public_ones_are_connected_to(names):
    table, connected = names
    table["mixed.example"] = [["192.168.0.1", "1.1.1.1", "fd00::1", "1.0.0.1"]]
    with pytest.raises(NotPosted):
        await post("http://mixed.example/", CLOSED)
    assert connected == ["1.1.1.1", "1.0.0.1"]


async def test_the_receiver_still_sees_the_name(monkeypatch):
    def look_up(_, port, *__, **___):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    with receiving() as receiver, socket.create_server(("127.0.0.1", 0)) as secure:
        monkeypatch.setattr(posting.socket, "getaddrinfo", look_up)
        assert await post(f"http://hooks.example:{receiver.port}/") == 200
        assert receiver.got[0].headers["host"] == f"hooks.example:{receiver.port}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_refused, f"https://hooks.example:{secure.getsockname()[1]}/")
            secure.settimeout(5)
            connection, _ = await trio.to_thread.run_sync(secure.accept)
            with connection:
                hello = await trio.to_thread.run_sync(connection.recv, 4096)
                assert b"hooks.example" in hello, "TLS is for the name, not for the address"


async def _refused(url):
    with pytest.raises(NotPosted):
        await post(url)


async def test_a_name_that_is_none_is_told_as_such(names):
    with pytest.raises(NotPosted, match=r"nowhere\.example cannot be looked up"):
        await post("http://nowhere.example/")


async def test_redirects_are_not_followed():
    with receiving() as receiver:
        receiver.answers = lambda _: (307, {"Location": receiver.url}, b"")
        assert await post(receiver.url) == 307
        assert len(receiver.got) == 1


async def test_an_answer_without_an_end_is_read_no_further_than_its_status():
    with receiving() as receiver:
        receiver.answers = lambda _: (200, {}, b"x" * 100_000_000)
        with trio.fail_after(5):
            assert await post(receiver.url) == 200


async def test_a_receiver_that_does_not_answer_costs_its_time_and_no_more():
    listener = socket.create_server(("127.0.0.1", 0))
    with listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        settings = WebhookSettings(allow_private=True, timeout_s=0.1)
        with trio.fail_after(5), pytest.raises(NotPosted, match=r"no answer within 0\.1 s"):
            await post(url, settings)


async def test_a_receiver_that_is_not_there_or_speaks_something_else_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotPosted, match=r"127\.0\.0\.1 port"):
        await post(f"http://127.0.0.1:{port}/")
    with receiving() as receiver, pytest.raises(NotPosted):
        await post(f"https://127.0.0.1:{receiver.port}/")
