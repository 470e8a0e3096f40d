"""The hands of the simulated people: an HTTP API in JSON. 404: no such thing; 422: what to write instead."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from devices.sim.reader import SimCard

if TYPE_CHECKING:
    from devices.sim.venue import VenueSim

_CARD_FIELDS = {"number", "name", "valid_from", "valid_to"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_app(sim: "VenueSim") -> web.Application:
    """The control API over one simulated venue."""
    hands = _Hands(sim)
    app = web.Application(middlewares=[_plain_errors])
    app.add_routes(
        [
            web.get("/", hands.overview),
            web.post("/readers/{id}/card", hands.place_card),
            web.delete("/readers/{id}/card", hands.take_card),
            web.get("/lockers/{id}", hands.lockers),
            web.post("/lockers/{id}/{n}/shut", hands.shut_locker),
            web.post("/lockers/{id}/{n}/jam", hands.jam_locker),
            web.post("/gates/{id}/walk", hands.walk_gate),
            web.get("/doors/{id}", hands.door),
            web.post("/doors/{id}/open", hands.open_door),
            web.post("/doors/{id}/close", hands.close_door),
            web.post("/doors/{id}/walk", hands.walk_door),
            web.post("/doors/{id}/exit", hands.exit_door),
            web.get("/relays/{id}", hands.relays),
            web.post("/cameras/{id}/fault", hands.camera_fault),
            web.get("/sent/{id}", hands.sent),
            web.post("/devices/{id}/fault", hands.device_fault),
            web.post("/links/{id}", hands.link),
            web.get("/messages", hands.messages),
        ]
    )
    return app


@web.middleware
async def _plain_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except KeyError as error:
        return web.json_response({"detail": f"no such thing: {error}"}, status=404)
    except (ValueError, TypeError) as error:
        return web.json_response({"detail": str(error)}, status=422)


async def _body(request: web.Request) -> dict[str, Any]:
    body = await request.json() if request.can_read_body else {}
    if not isinstance(body, dict):
        raise ValueError("write a JSON object")
    return body


class _Hands:
    def __init__(self, sim: "VenueSim") -> None:
        self._sim = sim

    async def overview(self, request: web.Request) -> web.Response:
        sim = self._sim
        return web.json_response(
            {
                "simulated": True,
                "venue": sim.plan.venue,
                "devices": {name: vars(port.faults) for name, port in sim.ptys.items()},
                "doors": {name: {"locked": d.locked, "open": d.open} for name, d in sim.doors.items()},
                "links": {name: {"up": link.is_up, "port": link.port} for name, link in sim.links.items()},
            }
        )

    async def place_card(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if not {"number", "name"} <= set(body) <= _CARD_FIELDS:
            raise ValueError(f"write number and name, at most {sorted(_CARD_FIELDS)}")
        self._sim.readers[request.match_info["id"]].place(SimCard(**{k: str(v) for k, v in body.items()}))
        return web.json_response({})

    async def take_card(self, request: web.Request) -> web.Response:
        there = self._sim.readers[request.match_info["id"]].take()
        return web.json_response({"there": there})

    async def lockers(self, request: web.Request) -> web.Response:
        return web.json_response(self._sim.banks[request.match_info["id"]].states())

    async def shut_locker(self, request: web.Request) -> web.Response:
        bank = self._sim.banks[request.match_info["id"]]
        bank.shut(int(request.match_info["n"]))
        return web.json_response(bank.states())

    async def jam_locker(self, request: web.Request) -> web.Response:
        bank, number = self._sim.banks[request.match_info["id"]], int(request.match_info["n"])
        bank.jammed[bank_locker(bank.jammed, number)] = bool((await _body(request)).get("on", True))
        return web.json_response(bank.states())

    async def walk_gate(self, request: web.Request) -> web.Response:
        body = await _body(request)
        gate = self._sim.gates[request.match_info["id"]]
        return web.json_response(await gate.walk(body.get("carrying", []), body.get("direction", "in")))

    async def door(self, request: web.Request) -> web.Response:
        door = self._sim.doors[request.match_info["id"]]
        return web.json_response({"locked": door.locked, "open": door.open})

    async def open_door(self, request: web.Request) -> web.Response:
        force = bool((await _body(request)).get("force", False))
        return web.json_response({"opened": self._sim.doors[request.match_info["id"]].push(force)})

    async def close_door(self, request: web.Request) -> web.Response:
        self._sim.doors[request.match_info["id"]].close()
        return web.json_response({})

    async def walk_door(self, request: web.Request) -> web.Response:
        body = await _body(request)
        door = self._sim.doors[request.match_info["id"]]
        opened = await door.walk(float(body.get("timeout", 5.0)), float(body.get("open_for", 0.6)))
        return web.json_response({"opened": opened})

    async def exit_door(self, request: web.Request) -> web.Response:
        body = await _body(request)
        self._sim.doors[request.match_info["id"]].press(float(body.get("seconds", 3.0)))
        return web.json_response({})

    async def relays(self, request: web.Request) -> web.Response:
        board = self._sim.boards[request.match_info["id"]]
        return web.json_response({"coils": board.coils, "inputs": board.inputs()})

    async def camera_fault(self, request: web.Request) -> web.Response:
        return web.json_response(self._cameras().fault(request.match_info["id"], **await _body(request)))

    async def sent(self, request: web.Request) -> web.Response:
        sent = self._cameras().sent(request.match_info["id"])
        newest = sent["frames"][-1]["counter"] if sent["frames"] else None
        return web.json_response({"counter": newest, **sent})

    async def device_fault(self, request: web.Request) -> web.Response:
        name, knobs = request.match_info["id"], await _body(request)
        faults = self._sim.faults_of(name)
        faults.set(knobs)
        if name in self._sim.ptys:
            self._sim.ptys[name].follow_faults()
        return web.json_response(vars(faults))

    async def link(self, request: web.Request) -> web.Response:
        link = self._sim.links[request.match_info["id"]]
        if (await _body(request))["up"]:
            await link.up()
        else:
            await link.down()
        return web.json_response({"up": link.is_up})

    async def messages(self, request: web.Request) -> web.Response:
        return web.json_response(self._sim.gateway.messages(request.query.get("phone")))

    def _cameras(self) -> Any:
        if self._sim.cameras is None:
            raise KeyError("cameras are not played")
        return self._sim.cameras


def bank_locker(known: dict[int, bool], number: int) -> int:
    """The locker's number. KeyError when the bank has no such locker."""
    if number not in known:
        raise KeyError(number)
    return number
