"""The one adapter that decides where live media may listen.

aioice binds every address of the machine but loopback; a venue names the addresses it wants (`live_addresses`, in
the demo 127.0.0.1). Browsers' own candidates are dropped from the offer: their checks reach us anyway (peer
reflexive), and resolving their mDNS names would make aioice open 0.0.0.0:5353.
"""

import ipaddress
from collections.abc import Sequence

import aioice.ice


def bind_only(addresses: Sequence[str]) -> None:
    """From now on ICE gathers on these addresses and on no other. ValueError: not an IP address."""
    allowed = [str(ipaddress.ip_address(a)) for a in addresses]

    def chosen(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        wanted = {4: use_ipv4, 6: use_ipv6}
        return [a for a in allowed if wanted[ipaddress.ip_address(a).version]]

    aioice.ice.get_host_addresses = chosen


def without_candidates(sdp: str) -> str:
    """An offer without the browser's candidates; more may come, so no end of candidates either."""
    dropped = ("a=candidate:", "a=end-of-candidates")
    return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith(dropped))
