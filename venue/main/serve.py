"""One process: two HTTP servers in one event loop, the MQTT client and the scheduler on their own threads."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from contract.handshakes import tell_refusals
from venue.main.compose import Centre
from venue.settings import Settings

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to us: two servers would fight for them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield


def _pages_server(centre: Centre) -> _Server:
    web = centre.settings.web
    return _Server(
        uvicorn.Config(
            centre.pages, host=web.host, port=web.port, log_config=None, access_log=False, lifespan="off",
            ssl_certfile=web.certificate or None, ssl_keyfile=web.key or None, timeout_graceful_shutdown=3,
            proxy_headers=False, server_header=False,
        )
    )  # fmt: skip


def _edge_server(centre: Centre) -> _Server:
    """Whoever brings a certificate brings one of ours; who does not is told in the log."""
    at = centre.settings.edge_port
    pki = centre.settings.under_home(centre.settings.pki.folder)
    config = uvicorn.Config(
        centre.edge_port, host=at.host, port=at.port, log_config=None, access_log=False, lifespan="off",
        ssl_certfile=str(pki / "centre-chain.pem"), ssl_keyfile=str(pki / "centre.key"),
        ssl_ca_certs=str(pki / "ca.pem"), ssl_cert_reqs=ssl.CERT_OPTIONAL, timeout_graceful_shutdown=3,
        proxy_headers=False, server_header=False,
    )  # fmt: skip
    config.load()
    assert config.ssl is not None
    tell_refusals(config.ssl, lambda reason: log.warning("edge_port_refused", reason=reason))
    return _Server(config)


class PortTaken(Exception):
    """An address cannot be listened on; the text names the setting."""


def listen(settings: Settings) -> list[socket.socket]:
    """The sockets of pages and edge port, taken before anything else starts. Raises PortTaken."""
    taken: list[socket.socket] = []
    for table, at in (("web", settings.web), ("edge_port", settings.edge_port)):
        try:
            taken.append(socket.create_server((at.host, at.port)))
        except OSError as error:
            for sock in taken:
                sock.close()
            where = f"{at.host}:{at.port}"
            raise PortTaken(
                f"[{table}] {where}: {error.strerror}; stop who listens there or set another port"
            ) from error
    return taken


async def _serve(centre: Centre, sockets: list[socket.socket]) -> None:
    servers = [_pages_server(centre), _edge_server(centre)]
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    pairs = zip(servers, sockets, strict=True)
    tasks = [asyncio.create_task(server.serve([sock])) for server, sock in pairs]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*tasks)
    for task in done:
        task.result()


def serve(centre: Centre, sockets: list[socket.socket]) -> None:
    """Serve on the sockets of `listen` until SIGTERM or SIGINT; then end in order."""
    centre.link.start()
    centre.scheduler.start()
    log.info("centre.serving", **_addresses(centre.settings))
    try:
        asyncio.run(_serve(centre, sockets))
    finally:
        centre.scheduler.stop()
        centre.link.stop()
        centre.database.engine.dispose()


def _addresses(settings: Settings) -> dict[str, str]:
    return {
        "pages": f"{settings.web.host}:{settings.web.port}",
        "edge_port": f"{settings.edge_port.host}:{settings.edge_port.port}",
    }
