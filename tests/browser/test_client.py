"""The pages' shapes are the servers' own: regenerating the client changes nothing."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edge_agent.kiosk_api import KioskDesk
from edge_agent.kiosk_api import build as build_edge
from venue.main.compose import api_only

PAGES = Path(__file__).parents[2] / "kiosk_ui"


def edge() -> dict[str, Any]:
    def never(*_: Any) -> Any:
        raise AssertionError("only described, never asked")

    desk = KioskDesk({}, {}, never, never, never, never, never, never)
    return build_edge(desk, PAGES / "none").openapi()


@pytest.mark.browser
@pytest.mark.parametrize("side", ["centre", "edge"])
def test_client_is_up_to_date(side: str, tmp_path: Path) -> None:
    described = api_only().openapi() if side == "centre" else edge()
    source, made = tmp_path / f"{side}.json", tmp_path / f"{side}.d.ts"
    source.write_text(json.dumps(described), encoding="utf-8")
    command = ["npx", "--no-install", "openapi-typescript", str(source), "--alphabetize", "-o", str(made)]
    subprocess.run(command, cwd=PAGES, check=True, capture_output=True, timeout=60)
    kept = (PAGES / "src" / "api" / f"{side}.d.ts").read_text(encoding="utf-8")
    assert made.read_text(encoding="utf-8") == kept, "run `npm run api` in kiosk_ui"
