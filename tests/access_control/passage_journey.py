"""The steps of one person's way, each by the observations that the real devices give."""

from passage_world import PNG, World

from access_control.acts import OpenLocker, Unlock
from access_control.observations import DoorResult, KioskAction, LockerResult
from access_control.rosters import Person
from access_control.shapes import Visit
from devices.ports import DoorChanged, ExitPressed, LockerChanged, Result


def visit_of(world: World, who: Person) -> Visit:
    found = world.area.visit_of("sit-1", who.alias)
    assert found is not None
    return found


def identify(world: World, who: Person) -> Visit:
    world.card("r-kiosk", who)
    world.face(visit_of(world, who).id, "matched")
    return visit_of(world, who)


def sign(world: World) -> None:
    world.see(KioskAction("kiosk", "sign", PNG))


def last_opening(world: World) -> OpenLocker:
    return next(a for a in reversed(world.acts) if isinstance(a, OpenLocker))


def last_unlock(world: World) -> Unlock:
    return next(a for a in reversed(world.acts) if isinstance(a, Unlock))


def open_locker(world: World, result: Result = Result.DONE) -> OpenLocker:
    act = last_opening(world)
    world.see(LockerResult(act.bank, act.locker, act.visit, act.purpose, result))
    return act


def locker(world: World, act: OpenLocker, closed: bool) -> None:
    world.clock.advance(0.5)
    world.see(LockerChanged(act.bank, act.locker, closed, False, world.mono))


def deposit(world: World) -> None:
    act = open_locker(world)
    locker(world, act, closed=False)
    locker(world, act, closed=True)
    world.see(KioskAction("kiosk", "stored"))


def check_in(world: World, who: Person) -> Visit:
    identify(world, who)
    sign(world)
    deposit(world)
    return visit_of(world, who)


def through_door(world: World, door: str) -> None:
    act = last_unlock(world)
    assert act.door == door
    world.see(DoorResult(door, act.admission, Result.DONE))
    world.clock.advance(0.5)
    world.see(DoorChanged(door, True, False, world.mono))
    world.clock.advance(1)
    world.see(DoorChanged(door, False, False, world.mono))


def enter_area(world: World, who: Person) -> Visit:
    check_in(world, who)
    world.card("r-lane", who)
    world.walk()
    through_door(world, "main")
    return visit_of(world, who)


def enter_room(world: World, who: Person, door: str = "d1") -> None:
    world.card(f"r-{door[1:]}", who)
    through_door(world, door)


def exit_by(world: World, door: str) -> None:
    world.clock.advance(0.2)
    world.see(ExitPressed(door, world.mono))
    through_door(world, door)


def leave(world: World, who: Person) -> None:
    world.card("r-kiosk", who)
    act = open_locker(world)
    locker(world, act, closed=False)
    locker(world, act, closed=True)
