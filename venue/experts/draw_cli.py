"""`venue-draw verify FILE`: does a disclosed draw follow from its committed shares and its committed pool?"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from venue.experts.rules import Candidate, Disclosure, Drawn, DrawRefused, Seat, verify
from venue.settings import CHECKOUT

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check a draw after it was disclosed.")


class BadFile(Exception):
    """The file is not a disclosure."""


@app.callback()
def draw() -> None:
    """Check a draw after it was disclosed."""


@app.command("verify")
def verify_file(
    file: Annotated[Path, typer.Argument(help="JSON of GET /api/sessions/ID/draw/disclosure")],
    lang: Annotated[str, typer.Option(help="zh or en")] = "zh",
    as_json: Annotated[bool, typer.Option("--json", help="print the result as JSON")] = False,
) -> None:
    """Repeat the draw from the file alone. Exit 0: it holds; 1: it does not, and why; 2: not a disclosure."""
    try:
        disclosed = read(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, BadFile) as error:
        typer.echo(_word(lang, "not_one").format(file=file, detail=error), err=True)
        raise typer.Exit(2) from error
    finding: dict[str, Any] | None = None
    try:
        verify(disclosed)
    except DrawRefused as refused:
        finding = {"key": refused.key, "params": dict(refused.params)}
    _say(disclosed, finding, _word(lang, "holds" if finding is None else "fails"), as_json)
    raise typer.Exit(0 if finding is None else 1)


def _word(lang: str, key: str) -> str:
    """A text of `config/messages/LANG.toml`; exit 2 for a language that is not there."""
    path = CHECKOUT / "config" / "messages" / f"{lang}.toml"
    if not lang.isalpha() or not path.is_file():
        raise typer.BadParameter(lang, param_hint="--lang")
    return str(tomllib.loads(path.read_text(encoding="utf-8"))["draw"][key])


def _say(disclosed: Disclosure, finding: dict[str, Any] | None, words: str, as_json: bool) -> None:
    result = {
        "draw": disclosed.draw,
        "ok": finding is None,
        "drawn": len(disclosed.drawn),
        "finding": finding,
    }
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    shown = "" if finding is None else f"{finding['key']} {json.dumps(finding['params'], ensure_ascii=False)}"
    typer.echo(
        words.format(draw=disclosed.draw, drawn=len(disclosed.drawn), pool=len(disclosed.pool), finding=shown)
    )


def read(table: Any) -> Disclosure:
    """From the form of `plain`; raises BadFile."""
    try:
        return Disclosure(
            draw=str(table["draw"]), commitments=dict(table["commitments"]),
            committed_pool=str(table["pool_commitment"]),
            shares={holder: bytes.fromhex(share) for holder, share in table["shares"].items()},
            pool=[Candidate(person, frozenset(codes)) for person, codes in table["pool"]],
            seats=[Seat(str(seat["specialty"]), int(seat["count"])) for seat in table["seats"]],
            drawn=[Drawn(str(person), str(specialty)) for person, specialty in table["drawn"]],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadFile(repr(error)) from error


def plain(disclosed: Disclosure) -> dict[str, Any]:
    """The form of the file."""
    return {
        "draw": disclosed.draw, "commitments": dict(disclosed.commitments),
        "pool_commitment": disclosed.committed_pool,
        "shares": {holder: share.hex() for holder, share in disclosed.shares.items()},
        "pool": [[one.person, sorted(one.specialties)] for one in disclosed.pool],
        "seats": [{"specialty": seat.specialty, "count": seat.count} for seat in disclosed.seats],
        "drawn": [[one.person, one.specialty] for one in disclosed.drawn],
    }  # fmt: skip


def main() -> None:
    """Entry point of `venue-draw`."""
    sys.exit(app())
