"""`venue-verify PATH [--trust DIR] [--require-timestamps] [--json]`: exit 0 good, 1 it does not hold, 2 wrong use."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from contract.keys import BadKeyTable, KeyRing
from contract.package import TRUST_FILE
from contract.verify.bag import NotAPackage, open_bag
from contract.verify.report import Report, verify

GOOD, DOES_NOT_HOLD, WRONG_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; ends the process."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Parse, verify, print; the exit code. argparse itself leaves with 2 on a wrong option."""
    options = _parser().parse_args(argv)
    try:
        trusted = None if options.trust is None else _trust(options.trust)
        report = verify(open_bag(options.path), trusted, require_timestamps=options.require_timestamps)
    except (NotAPackage, BadKeyTable) as error:
        print(f"venue-verify: {_shown(str(error))}", file=sys.stderr)
        return WRONG_USE
    if options.json:
        print(json.dumps({"path": str(options.path), **report.as_dict()}, indent=1))
    else:
        _print(report)
    return GOOD if report.good else DOES_NOT_HOLD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="venue-verify",
        description="Check a project's package offline: is it whole, unaltered, complete and signed as it must be?",
        epilog="Exit code: 0 good, 1 it does not hold (or keys not trusted), 2 wrong use.",
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the package: a folder or its zip")
    trust = f"folder with {TRUST_FILE}: the public keys you trust; without it the exit code is 1 at best"
    parser.add_argument("--trust", type=Path, metavar="DIR", help=trust)
    stamps = "a missing or unchecked RFC 3161 token does not hold"
    parser.add_argument("--require-timestamps", action="store_true", help=stamps)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _trust(folder: Path) -> KeyRing:
    path = folder / TRUST_FILE
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadKeyTable(f"{path}: cannot be read ({error})") from error
    if not isinstance(table, dict):
        raise BadKeyTable(f"{path}: not a JSON object")
    return KeyRing.from_table(table)


def _print(report: Report) -> None:
    for finding in report.findings:
        print(_shown(f"{finding.file}  {finding.second or '-'}  {finding.text}"))
    checked = ", ".join(f"{value} {name}" for name, value in report.counts.items())
    print(f"checked: {checked}")
    print(f"keys: {'trusted' if report.keys_trusted else 'not trusted'}")
    print(f"timestamps: {report.timestamps}")
    if report.good:
        print("good")
    elif report.findings:
        print(f"does not hold: {len(report.findings)} findings")
    else:
        print("whole, but by keys that nobody vouched for: give --trust DIR")


def _shown(text: str) -> str:
    """Names and values come from whoever made the package: none may break the line, steer the terminal or not print."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


if __name__ == "__main__":
    main()
