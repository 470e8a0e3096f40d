"""Links of the simulated venue: cut at TCP and restored."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_site import eventually, write_plan

from devices.sim.links import LinkSpec
from tests.simulated import simulated_venue


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := self.request.recv(100):
                self.request.sendall(data)


@contextlib.contextmanager
def echo_server() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def gone(connection: socket.socket) -> bool:
    """Whether the other side hung up."""
    try:
        return connection.recv(10) == b""
    except ConnectionResetError:
        return True


def test_cut_and_restored(tmp_path: Path) -> None:
    with echo_server() as target:
        spec = LinkSpec("mqtt", 0, "127.0.0.1", target)
        with simulated_venue(write_plan(tmp_path), tmp_path, [spec]) as sim:
            port = sim.get("/")["links"]["mqtt"]["port"]
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(b"one")
                assert connection.recv(10) == b"one"
                assert sim.post("/links/mqtt", up=False) == {"up": False}
                assert gone(connection)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=2)
            assert sim.post("/links/mqtt", up=True) == {"up": True}
            with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
                connection.sendall(b"two")
                assert connection.recv(10) == b"two"
            assert eventually(lambda: len(sim.events("link_up")) == 2)


def test_link_spec() -> None:
    assert LinkSpec.parse("https=8211:127.0.0.1:8443") == LinkSpec("https", 8211, "127.0.0.1", 8443)
    with pytest.raises(ValueError, match="NAME=LISTEN_PORT:HOST:PORT"):
        LinkSpec.parse("8211:8443")
