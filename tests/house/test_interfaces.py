"""`docs/design/interfaces.md` against the code: endpoints of both sides, kinds of messages and their fields."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract.kinds import KINDS
from edge_agent import cli as edge_cli
from venue.main import compose

PAGE = Path(__file__).resolve().parents[2] / "docs/design/interfaces.md"
VERBS = "GET|POST|PUT|PATCH|DELETE"
Endpoints = set[tuple[str, str]]


def between(text: str, start: str, end: str) -> str:
    return text.split(start, 1)[1].split(end, 1)[0]


def endpoints_on(text: str) -> Endpoints:
    """(verb, path) of every `VERB /path` in code style; parameters without their names."""
    found = re.findall(rf"`({VERBS}) (/[^ `?]*)", text)
    return {(verb, unnamed(path)) for verb, path in found}


def unnamed(path: str) -> str:
    """`/rooms/{room}`, `/doors/ROOM` → `/rooms/*`, `/doors/*`."""
    return re.sub(r"\{[^}]*\}|(?<=/)[A-Z0-9]{2,}(?=/|$)", "*", path)


def described(openapi: dict[str, dict[str, dict[str, object]]], prefix: str = "") -> Endpoints:
    paths = openapi["paths"].items()
    return {(verb.upper(), unnamed(path.removeprefix(prefix))) for path, verbs in paths for verb in verbs}


def fields_on(text: str) -> dict[str, set[str]]:
    """Kind → fields of its body, read off the table of facts."""
    table = between(text, "### Kinds of facts", "A segment or gap of a session camera")
    found: dict[str, set[str]] = {}
    for kinds, cell in re.findall(r"^\| (`.*?`) \| (.*) \|$", table.replace("\\|", "¦"), re.MULTILINE):
        names = re.findall(r"`(\w+)`", kinds)
        cells = cell.split(" / ") if " / " in cell else [cell] * len(names)
        for name, body in zip(names, cells, strict=True):
            found[name] = fields_of(body)
    return found


def fields_of(cell: str) -> set[str]:
    """The field names of `a, b?, c: x¦y, d:{e,f}, g[]` in code style; what is in brackets is the field's own."""
    code = "".join(re.findall(r"`([^`]*)`", cell))
    flat = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", code)
    return {re.split(r"[:?{\[… ]", part.strip())[0] for part in flat.split(",") if part.strip()} - {""}


def test_the_page_names_the_centre_s_endpoints() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert endpoints_on(between(text, "REST (prefix `/api`", "States (`docs")) == described(
        compose.api_only().openapi(), "/api"
    )


def test_the_page_names_the_edge_s_endpoints() -> None:
    text = between(PAGE.read_text(encoding="utf-8"), "## 7. edge_agent/", "Witness API (HTTPS")
    done = CliRunner().invoke(edge_cli.app, ["openapi"])
    assert done.exit_code == 0, done.output
    assert endpoints_on(text) - {("GET", "/health")} == described(json.loads(done.stdout)) - {
        ("GET", "/health")
    }


def test_the_page_names_every_kind_of_fact_and_its_fields() -> None:
    said = fields_on(PAGE.read_text(encoding="utf-8"))
    facts = {name: row.model for name, row in KINDS.items() if row.message_class == "fact"}
    assert sorted(said) == sorted(facts)
    code = {n: {f.alias or key for key, f in m.model_fields.items()} for n, m in facts.items()}
    assert {n: (said[n], code[n]) for n in facts if said[n] != code[n]} == {}


def test_the_modules_that_the_page_names_are_there() -> None:
    named = set(
        re.findall(
            r"`(\w+\.py)`", between(PAGE.read_text(encoding="utf-8"), "## 7. edge_agent/", "Kiosk API")
        )
    )
    there = {path.name for path in (PAGE.parents[2] / "edge_agent").glob("*.py")}
    assert len(named) > 30
    assert named - there == set()


@pytest.mark.parametrize(
    ("cell", "fields"),
    [
        ("`device, state: online¦offline, simulated`", {"device", "state", "simulated"}),
        ("`gate, clear:bool, kinds[], grounds:{a,b?}`", {"gate", "clear", "kinds", "grounds"}),
        ("`sitting` (session in the envelope)", {"sitting"}),
        ("`statement{…}` (same shape)", {"statement"}),
    ],
)
def test_a_row_is_read_as_meant(cell: str, fields: set[str]) -> None:
    assert fields_of(cell) == fields


def test_an_endpoint_that_only_the_page_knows_is_seen() -> None:
    assert endpoints_on("`GET /rooms/{room}/keys?all`, `POST /kiosk/KIOSK/x {y}`") == {
        ("GET", "/rooms/*/keys"),
        ("POST", "/kiosk/*/x"),
    }
