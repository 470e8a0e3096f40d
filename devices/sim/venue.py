"""One simulated venue: every device of a venue file on its wire, gateway, links, cameras, control API."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from devices.sim.control import control_app
from devices.sim.gate import GateSim
from devices.sim.links import Link, LinkSpec
from devices.sim.locker import LockerSim
from devices.sim.plan import SimDevice, SimPlan
from devices.sim.port import Faults, PtyPort
from devices.sim.reader import SamReaderSim
from devices.sim.relays import DoorSim, RelayBoardSim
from devices.sim.sms import GatewaySim
from devices.sim.wirelog import WireLog

if TYPE_CHECKING:
    from devices.sim.camera import CameraServer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports; 0 takes a free one, None leaves that part out."""

    control: int = 8200
    sms: int | None = 8201
    rtsp: int | None = 8554


class VenueSim:
    """Build, `start`, `stop`; all on one event loop."""

    def __init__(
        self,
        plan: SimPlan,
        home: Path,
        ports: Ports,
        links: Sequence[LinkSpec] = (),
        clips: Path | None = None,
    ) -> None:
        self.plan, self._ports = plan, ports
        self.log = WireLog(home / "sim" / "wire.jsonl")
        self.doors = {d.id: DoorSim(d, self.log) for d in plan.doors}
        self.readers: dict[str, SamReaderSim] = {}
        self.banks: dict[str, LockerSim] = {}
        self.gates: dict[str, GateSim] = {}
        self.boards: dict[str, RelayBoardSim] = {}
        self.gateway = GatewaySim(self.log)
        self.links = {spec.name: Link(spec, self.log) for spec in links}
        self.ptys: dict[str, PtyPort] = {}
        self.cameras: CameraServer | None = None
        self.control_port = self.sms_port = 0
        self._clips = clips or home / "sim" / "clips"
        self._runners: list[web.AppRunner] = []
        for device in plan.devices:
            self._play(device)

    def _play(self, device: SimDevice) -> None:
        if device.path is None:
            return
        line = next((p for p in self.ptys.values() if p.path == device.path), None)  # boards may share a line
        port = self.ptys[device.id] = line or PtyPort(device.id, device.path, self.log)
        match device.driver:
            case "sam_reader":
                self.readers[device.id] = SamReaderSim(device.id, port, self.log)
            case "locker_8a":
                self.banks[device.id] = LockerSim(device.id, port, self.log, device.settings)
            case "gate_serial":
                self.gates[device.id] = GateSim(device.id, port, self.log, device.settings)
            case "modbus_relay":
                doors = [d for d in self.doors.values() if d.wiring.board == device.id]
                self.boards[device.id] = RelayBoardSim(device.id, port, self.log, device.settings, doors)
            case other:
                _log.warning("no_simulator_for_driver", device=device.id, driver=other)

    def faults_of(self, device: str) -> Faults:
        """The knobs of a device. KeyError: no such device."""
        gateways = {d.id for d in self.plan.devices if d.driver == "sms_http"}
        return self.gateway.faults if device in gateways else self.ptys[device].faults

    async def start(self) -> None:
        """Plug everything in; the control API comes last, so that an answer there means ready."""
        self.log.event("sim_started", venue=self.plan.venue, simulated=True)
        for port in self.ptys.values():
            port.plug()
        for link in self.links.values():
            await link.up()
        if self._ports.rtsp is not None and self.plan.cameras:
            await self._start_cameras(self._ports.rtsp)
        if self._ports.sms is not None:
            self.sms_port = await self._listen(self.gateway.app(), self._ports.sms)
        self.control_port = await self._listen(control_app(self), self._ports.control)
        _log.info("simulated_venue_ready", venue=self.plan.venue, control=self.control_port)

    async def stop(self) -> None:
        """Unplug everything."""
        for runner in self._runners:
            await runner.cleanup()
        if self.cameras is not None:
            await self.cameras.stop()
        for link in self.links.values():
            await link.down()
        for port in self.ptys.values():
            port.unplug()
        self.log.event("sim_stopped")
        self.log.close()

    async def _start_cameras(self, port: int) -> None:
        from devices.sim.camera import CameraServer  # needs av: only where cameras are played

        self.cameras = CameraServer(self.plan.cameras, self._clips, "127.0.0.1", port, self.log.bytes)
        await self.cameras.start()

    async def _listen(self, app: web.Application, port: int) -> int:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        return int(runner.addresses[0][1])
