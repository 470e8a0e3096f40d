"""`scripts/demo`: run the whole house, or play the story. See README."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path

from scripts.stage.furnish import furnish
from scripts.stage.home import ACCOUNTS, ROOT, SetUpFailed, Stage
from scripts.stage.processes import NotReady


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Run Jianzheng with a simulated venue.")
    parser.add_argument("--story", action="store_true", help="play one whole session unattended and judge it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="with --story: write the report there")
    parser.add_argument("--keep", action="store_true", help="with --story: keep the story's own home folder")
    return parser.parse_args()


def demo() -> int:
    """Start everything and stay up until asked to stop."""
    stage = Stage(Path(os.environ.get("VENUE_HOME", ROOT / "var" / "demo")), free=False)
    asked = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.set())
    try:
        stage.prepare()
        stage.start()
        if stage.new:
            furnish(stage)
        print(addresses(stage), flush=True)
        asked.wait()
        print("stopping", flush=True)
    finally:
        stage.stop()
    return 0


def addresses(stage: Stage) -> str:
    """What a newcomer needs: where the pages are and who may sign in."""
    lines = ["", "Jianzheng 见证 is running. Every device here is SIMULATED (模拟).", ""]
    lines += [f"  staff   工作台   {stage.centre_url}/", f"  wall    监督室   {stage.centre_url}/wall"]
    lines += [
        f"  signs   大厅屏   {stage.centre_url}/signs/hall",
        f"  door    门牌屏   {stage.centre_url}/signs/doors/eval-1",
    ]
    lines += [f"  kiosk   签到机   {stage.kiosk_url}/kiosk/kiosk-1#token={stage.kiosk_token('kiosk-1')}"]
    lines += [
        f"  venue-sim 模拟器 http://127.0.0.1:{stage.ports['sim']}/",
        "",
        "  demo accounts (exist only here):",
    ]
    for name, roles in ACCOUNTS.items():
        lines.append(f"    {name:<11} {stage.accounts[name]['password']:<20} {', '.join(roles)}")
    return "\n".join(
        [
            *lines,
            "",
            f"  state: {stage.home}   logs: {stage.home / 'logs'}",
            "  A first session, step by step: docs/guides/try-the-demo.md. Ctrl-C stops everything.",
            "",
        ]
    )


def story(target: Path | None, keep: bool) -> int:
    """Play the story in its own home on free ports."""
    from scripts.stage.story.play import play

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

    given = os.environ.get("VENUE_HOME")
    with StoryFolder(given, keep) as home:
        stage = Stage(Path(home), free=True)
        report = play(stage)
        if target:
            report.write(target)
        for judgement in report.judgements.values():
            mark = "ok  " if judgement.ok else "FAIL"
            print(
                f"{mark} {judgement.name:<11} {judgement.seconds:6.1f} s  {judgement.row()['detail'][:300]}"
            )
        for name, figure in report.figures.items():
            print(f"     {name}: {figure['value']} {figure['unit']}")
        print("the story holds" if report.ok else "THE STORY DOES NOT HOLD")
        return 0 if report.ok else 1


class StoryFolder:
    """The story's home: VENUE_HOME when given, else a new folder, removed unless asked to keep it."""

    def __init__(self, given: str | None, keep: bool) -> None:
        self.path = given or tempfile.mkdtemp(prefix="jianzheng-story-")
        self._keep = keep or given is not None

    def __enter__(self) -> str:
        return self.path

    def __exit__(self, *_: object) -> None:
        if self._keep:
            print(f"home kept: {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def main() -> int:
    """Exit 0, 1 (the story does not hold) or 2 (it could not be set up)."""
    options = arguments()
    try:
        return story(options.json, options.keep) if options.story else demo()
    except (SetUpFailed, NotReady) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
