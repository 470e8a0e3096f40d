"""The one form in which benchmarks speak."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any


def options(description: str) -> argparse.Namespace:
    """`--json FILE` and `--seconds N`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to measure")
    return parser.parse_args()


def figure(value: float, unit: str, at_most: float | None = None) -> dict[str, Any]:
    """One figure; with a goal it says whether it holds."""
    entry: dict[str, Any] = {"value": round(value, 2), "unit": unit}
    if at_most is not None:
        entry |= {"goal": f"<= {at_most:g}", "holds": value <= at_most}
    return entry


def finish(name: str, began: float, figures: dict[str, dict[str, Any]], target: Path | None) -> int:
    """Print the figures, write the file; exit code 0 when every goal holds."""
    result = {
        "name": name,
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
        },
        "seed": 0,
        "seconds": round(time.monotonic() - began, 1),
        "figures": figures,
        "ok": all(f.get("holds", True) for f in figures.values()),
    }
    for key, entry in figures.items():
        goal = (
            f"  goal {entry['goal']}: {'holds' if entry['holds'] else 'DOES NOT HOLD'}"
            if "goal" in entry
            else ""
        )
        print(f"{key:<28} {entry['value']:>10} {entry['unit']}{goal}")
    if target:
        target.write_text(json.dumps(result, indent=1), encoding="utf-8")
    return 0 if result["ok"] else 1


def exit_with(code: int) -> None:
    """Leave with this code."""
    sys.exit(code)
