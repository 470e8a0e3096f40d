"""TLS handshakes that fail, told: asyncio closes such a connection without a word."""

import ssl
from collections.abc import Callable


def tell_refusals(context: ssl.SSLContext, refused: Callable[[str], None]) -> None:
    """Call `refused` with OpenSSL's word for every handshake of this server context that fails, on its loop."""

    class ToldHandshake(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                refused(error.reason or type(error).__name__)
                raise

    context.sslobject_class = ToldHandshake
