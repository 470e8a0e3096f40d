"""Settings and venue files that cannot be used: exit 2, and a line naming file, place and what to write."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
VENUE = (ROOT / "config/example/venue.toml").read_text(encoding="utf-8")
EDGE = f'plan = "{ROOT}/config/example/venue.toml"\n'
WITNESS = 'venue = "V01"\n'

pytestmark = pytest.mark.faults


def start(folder: Path, program: str, file: Path) -> subprocess.Popen[str]:
    words = {"venue": ["serve", "--config"], "venue-sim": ["run", "--home", str(folder), "--plan"]}
    command = [str(BIN / program), *words.get(program, ["run", "--config"]), str(file)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "VENUE_HOME": str(folder / "home"), "COLUMNS": "200"},
    )  # fmt: skip


BAD: dict[str, dict[str, tuple[str | None, str]]] = {
    "venue": {
        "absent": (None, "cannot be read (No such file or directory); write the path of a"),
        "broken": ('[web]\nport = "', "not valid TOML"),
        "unknown": ("[web]\nport = 8000\nprot = 1\n", ":3: web.prot: unknown key"),
        "wrong": ('[web]\nport = "many"\n', ":2: web.port: "),
    },
    "venue-edge": {
        "absent": (None, "cannot be read (No such file or directory); write the path of a"),
        "broken": (EDGE + "[kiosk\n", "not valid TOML"),
        "unknown": (EDGE + "[kiosk]\nport = 1\nhots = 1\n", ":4: kiosk.hots: unknown key"),
        "wrong": (EDGE + "[kiosk]\nport = 99999\n", ":3: kiosk.port: "),
        "lacking": ("[kiosk]\nport = 8100\n", ":1: plan: "),
        "no-venue": ('plan = "/nowhere/venue.toml"\n', "/nowhere/venue.toml: cannot be read"),
    },
    "venue-witness": {
        "absent": (None, "cannot be read (No such file or directory); write the path of a"),
        "broken": (WITNESS + "]", "not valid TOML"),
        "unknown": (WITNESS + "[edge]\nurl_ = 1\n", ":3: edge.url_: unknown key"),
        "wrong": ('venue = "V 01"\n', ":1: venue: "),
    },
    "venue-sim": {
        "absent": (None, "cannot be read (No such file or directory); write the path of a"),
        "broken": ("[[devices]", "not valid TOML"),
        "real": (VENUE.replace("simulated = true", "simulated = false"), "write simulated = true"),
        "lacking": (VENUE.replace('driver = "sam_reader"\n', ""), "devices.0: write driver"),
    },
}


@pytest.mark.parametrize("program", sorted(BAD))
def test_bad_settings_are_answered_in_words(tmp_path: Path, program: str) -> None:
    running = {}
    for case, (text, _) in BAD[program].items():
        file = tmp_path / f"{case}.toml"
        if text is not None:
            file.write_text(text, encoding="utf-8")
        running[case] = start(tmp_path, program, file)
    for case, (_, wanted) in BAD[program].items():
        said = running[case].communicate(timeout=60)[1]
        assert running[case].returncode == 2, f"{program} {case}: {said}"
        assert wanted in said and "Traceback" not in said, f"{program} {case}: {said}"
        assert case == "no-venue" or f"{case}.toml" in said


def test_a_bad_venue_file_is_answered_by_edge_and_centre_alike(tmp_path: Path) -> None:
    files = {
        "unknown": (VENUE.replace('id = "lobby"', 'id = "lobby"\ncolour = "red"', 1), "colour: unknown key"),
        "nobody": (VENUE.replace('board = "relays-1"', 'board = "relays-9"', 1), "names 'relays-9'"),
        "driver": (VENUE.replace('driver = "sam_reader"', 'driver = "sum"', 1), "driver"),
    }
    for name, (text, wanted) in files.items():
        plan = tmp_path / f"{name}.toml"
        plan.write_text(text, encoding="utf-8")
        config = tmp_path / f"edge-{name}.toml"
        config.write_text(f'plan = "{plan}"\n', encoding="utf-8")
        command = [str(BIN / "venue-edge"), "devices", "--config", str(config), "--seconds", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 2, done.stderr
        assert str(plan) in done.stderr or name == "driver", done.stderr
        assert wanted in done.stderr and "Traceback" not in done.stderr, done.stderr
