"""The order of the day. Rows of the report are judged inside the steps; this page only says what comes after what."""

from scripts.stage.home import Stage
from scripts.stage.story.clients import Centre, KioskPage, Sim
from scripts.stage.story.context import Scene
from scripts.stage.story.people import sample_people
from scripts.stage.story.report import Report
from scripts.stage.story.steps import after, arrival, before, session, tamper
from scripts.stage.story.visit import Walker
from scripts.stage.story.wire import WireLog

PEOPLE = 40
"""Five of forty: a chance hit on the drawn panel by any stored value is one in 658,008."""


def play(stage: Stage) -> Report:
    """Set the stage, play, judge, and stop everything whatever happened."""
    try:
        stage.prepare()
        stage.start()
        report = Report()
        scene = open_scene(stage, report)
        try:
            perform(scene)
        finally:
            close_scene(scene)
        return report
    finally:
        stage.stop()


def open_scene(stage: Stage, report: Report) -> Scene:
    """Sign everybody in and put the hands in place."""
    sim = Sim(stage.ports["sim"])
    wire = WireLog(stage.home / "sim" / "wire.jsonl")
    kiosk = KioskPage(stage.kiosk_url, "kiosk-1", stage.kiosk_token("kiosk-1"))
    names = ("staff", "supervisor", "archivist", "keeper", "draw")
    accounts = {n: Centre(stage.centre_url, n, stage.accounts[n]["password"]) for n in names}
    walker = Walker(sim, kiosk, wire, stage.cache / "pictures")
    return Scene(stage, report, sim, wire, walker, kiosk, accounts, sample_people(PEOPLE))


def perform(scene: Scene) -> None:
    """One session from booking to verified evidence."""
    before.register(scene)
    before.book(scene)
    if not scene.session:
        return
    before.draw(scene)
    arrival.checkin_open(scene)
    arrival.strangers(scene)
    arrival.by_face(scene)
    arrival.without_models(scene)
    arrival.link_cut(scene)
    session.watch(scene)
    session.suspend(scene)
    after.leave(scene)
    after.close_and_file(scene)
    after.record(scene)
    after.wire_figures(scene)
    tamper.tamper(scene)


def close_scene(scene: Scene) -> None:
    """Release every connection."""
    for client in (scene.sim, scene.kiosk, *scene.accounts.values()):
        client.close()
