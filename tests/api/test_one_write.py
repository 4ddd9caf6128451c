"""A small answer arrives in one piece, as long as hypercorn works as we believe."""

import inspect
import socket

from hypercorn.protocol import h11 as protocol

from axiomd.api.one_write import _send_together, write_answers_at_once


def test_the_method_that_is_replaced_is_the_only_one_that_writes_events():
    source = inspect.getsource(protocol.H11Protocol)
    assert source.count("self.connection.send(") == 1 or "_send_h11_event" in source
    parameters = inspect.signature(protocol.H11Protocol._send_h11_event).parameters
    assert list(parameters) == ["self", "event"]


def test_replacing_it_twice_is_the_same_as_once():
    write_answers_at_once()
    write_answers_at_once()
    assert protocol.H11Protocol._send_h11_event is _send_together


def test_a_small_answer_arrives_in_one_piece(box):
    host, port = box.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nHost: box\r\n\r\n")
        piece = client.recv(65_536)
    assert piece.startswith(b"HTTP/1.1 200")
    assert piece.endswith(b'{"status":"ok"}') or piece.rstrip().endswith(b"}")


def test_answers_without_a_body_still_arrive(box):
    host, port = box.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: box\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
