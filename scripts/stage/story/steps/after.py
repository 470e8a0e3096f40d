"""Afterwards: everyone leaves with their own things, the session closes, the package is filed and judged."""

import itertools
import json
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import av
import numpy as np

from devices.sim import clip
from scripts.stage.story.clients import wait_for
from scripts.stage.story.context import Scene


def leave(scene: Scene) -> None:
    """All leave; each locker opens for its own depositor and for nobody else."""
    with scene.report.judge("leave") as j:
        for person in scene.drawn:
            if not scene.walker.exit_by(f"door-{scene.room}") or not scene.walker.exit_by("door-main"):
                raise TimeoutError("an exit stayed shut")
            number = scene.walker.fetch_things(person)
            j.require(number == scene.lockers[person.id_number], f"locker {number} opened for its owner")
        opened = [(e["bank"], e["locker"]) for e in scene.wire.events("locker_opened")]
        j.require(len(opened) == 2 * len(scene.drawn), f"{len(opened)} locker openings, two for each of five")


def close_and_file(scene: Scene) -> None:
    """The session closes, evidence travels, the centre composes the package, the verifier says good."""
    with scene.report.judge("file") as j:
        scene.accounts["staff"].post(f"/sessions/{scene.session}/actions/close")
        shown: dict[str, Any] = {}

        def filed() -> bool:
            shown.update(scene.accounts["staff"].get(f"/sessions/{scene.session}"))
            return shown["state"] == "filed"

        j.require(wait_for(filed, 60.0 * scene.patience, every=0.5), f"session is {shown.get('state')}")
        package = scene.accounts["archivist"].get(f"/sessions/{scene.session}/package")
        scene.report.package, scene.report.trust = Path(package["path"]), Path(package["trust"])
        reckoning = json.loads((scene.report.package / "data/completeness.json").read_text())
        venue = reckoning["venues"]["V01"]
        agree = venue["edge"] == venue["centre"] and not venue["differences"]
        j.require(agree, f"edge's and centre's reckoning agree {venue['differences'] or ''}")
        code, findings = verify(scene.report.package, scene.report.trust)
        j.require(
            code == 0, f"venue-verify says good ({findings[:3]})" if findings else "venue-verify says good"
        )


def verify(package: Path, trust: Path) -> tuple[int, list[dict[str, Any]]]:
    """Run the offline verifier as a stranger would. Exit code and findings."""
    command = [
        str(Path(sys.executable).parent / "venue-verify"),
        str(package),
        "--trust",
        str(trust),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    try:
        findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    except (ValueError, KeyError) as error:
        raise RuntimeError(f"venue-verify exited {done.returncode}: {done.stderr[-400:]}") from error
    return done.returncode, findings


def read_recording(path: Path) -> tuple[list[int], float]:
    """The frame counters of a recording, decoded from its pixels, and its seconds of decoded sound."""
    found, sound = [], 0.0
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.options = {"skip_loop_filter": "all"}
        for frame in container.decode(video=0, audio=0):
            if isinstance(frame, av.AudioFrame):
                sound += frame.samples / frame.sample_rate
            else:
                found.append(counter(frame))
    return found, sound


def counter(frame: av.VideoFrame) -> int:
    """The counter of one picture."""
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    row = luma[clip.COUNTER_Y + clip.COUNTER_CELL // 2]
    bits = row[clip.COUNTER_X + clip.COUNTER_CELL // 2 :: clip.COUNTER_CELL][: clip.COUNTER_BITS]
    return int(sum(1 << n for n, level in enumerate(bits) if level > 128))


def skips(values: list[int]) -> int:
    """How many frames are missing or out of order in a run of counters."""
    return sum((b - a) % clip.LOOP_FRAMES != 1 for a, b in itertools.pairwise(values))


def record(scene: Scene) -> None:
    """Every camera of the session's rooms, and the public cameras at the edge: no frame missing but declared."""
    with scene.report.judge("record") as j:
        assert scene.report.package is not None
        totals = {"recorded": 0.0, "undeclared": 0.0, "declared": 0.0}
        stated = json.loads((scene.report.package / "data/completeness.json").read_text())["venues"]["V01"][
            "centre"
        ]
        window = (stated["windows"][0]["start_us"], stated["windows"][-1]["end_us"])
        folders = sorted((scene.report.package / "data/recordings/V01").iterdir())
        j.require(len(folders) == 4, f"{len(folders)} session cameras in the package")
        files = {folder.name: sorted(folder.iterdir()) for folder in folders}
        files |= {camera: public_files(scene, camera) for camera in ("cam-lobby", "cam-corridor")}
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as readers:
            read = {camera: list(readers.map(read_recording, paths)) for camera, paths in files.items()}
        for camera, recordings in read.items():
            own = stated["cameras"].get(camera)
            judge_camera(j, camera, recordings, window if own else None, own, totals)
        for name, value in totals.items():
            figure = "recorded_s" if name == "recorded" else f"gap_{name}_s"
            goal = ("0", value == 0) if name == "undeclared" else (None, None)
            scene.report.figure(figure, value, "s", *goal)


def public_files(scene: Scene, camera: str) -> list[Path]:
    """A public camera's files at the edge, all but the one that is still being written."""
    return sorted(p for p in (scene.stage.home / "recordings" / camera).rglob("*.mo*"))[:-1]


def judge_camera(
    j: Any,
    camera: str,
    recordings: list[tuple[list[int], float]],
    window: tuple[int, int] | None,
    stated: dict[str, Any] | None,
    totals: dict[str, float],
) -> None:
    """One camera: counters run on across file borders, sound lasts as long as the picture."""
    values = [v for counters, _ in recordings for v in counters]
    pictures, sound = len(values) / clip.FPS, sum(seconds for _, seconds in recordings)
    declared = sum((g["end_us"] - g["start_us"]) / 1e6 for g in (stated or {}).get("gaps_declared", []))
    totals["recorded"] += pictures
    totals["declared"] += declared
    missing = skips(values)
    if window is not None:
        expected = (window[1] - window[0]) / 1e6
        short = expected - pictures - declared
        totals["undeclared"] += short if short > 1.0 else 0.0
        j.require(short <= 1.0, f"{camera}: {pictures:.1f} s of a session of {expected:.1f} s")
    totals["undeclared"] += 0.0 if declared else missing / clip.FPS
    whole = missing == 0 or declared > 0
    j.require(whole, f"{camera}: {len(values)} frames in {len(recordings)} files, {missing} skips")
    j.require(abs(pictures - sound) < 1.0, f"{camera}: sound {sound:.1f} s with picture {pictures:.1f} s")


def wire_figures(scene: Scene) -> None:
    """Events sent by the edge and received by the centre."""
    scene.report.figure("events_sent", scene.stage.edge_head(), "facts")
    received = scene.stage.ledger_head()
    scene.report.figure("events_received", received, "facts", "= events_sent", scene.stage.ledger_is_prefix())
