"""Both languages are complete, and no words for people stand outside the catalogues."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.kinds import KINDS

UI = Path(__file__).parents[2] / "kiosk_ui" / "src"
CHINESE = re.compile(r"[\u3400-\u9fff]")
COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/|(?<!:)//[^\n]*", re.S)
# Words between tags, or in an attribute that people read, that are not an expression.
BARE = re.compile(r">\s*([^<>{}]*[A-Za-z]{2,}[^<>{}]*)<")
SPOKEN = re.compile(r'\s(?:title|placeholder|aria-label|alt|label)="([^"]*[A-Za-z]{2,}[^"]*)"')


def flat(tree: Any, path: str = "") -> dict[str, str]:
    if isinstance(tree, dict):
        parts = [flat(value, f"{path}.{key}" if path else key) for key, value in tree.items()]
    elif isinstance(tree, list):
        parts = [flat(value, f"{path}[{number}]") for number, value in enumerate(tree)]
    else:
        return {path: str(tree)}
    return {key: value for part in parts for key, value in part.items()}


def catalogue(lang: str) -> dict[str, str]:
    return flat(json.loads((UI / "i18n" / f"{lang}.json").read_text(encoding="utf-8")))


def sources(*suffixes: str) -> list[Path]:
    return [
        path for path in sorted(UI.rglob("*")) if path.suffix in suffixes and not path.name.endswith(".d.ts")
    ]


def test_same_keys_in_both_languages() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    assert set(zh) == set(en)
    assert not [key for key, words in {**zh, **en}.items() if not words.strip()]


def test_same_parameters_in_both_languages() -> None:
    zh, en = catalogue("zh"), catalogue("en")
    slots = re.compile(r"\{(\w+)\}")
    differing = [key for key in zh if set(slots.findall(zh[key])) != set(slots.findall(en[key]))]
    assert not differing


def test_english_is_english_and_chinese_is_chinese() -> None:
    own_name = {"common.other_language"}
    assert not [
        key for key, words in catalogue("en").items() if CHINESE.search(words) and key not in own_name
    ]
    same = {key for key, words in catalogue("zh").items() if words == catalogue("en")[key]}
    assert same <= {"kiosk.refused.say", "words.list", "things.numbered", "packages.megabytes"} | own_name, (
        same
    )


def test_every_fact_has_a_sentence() -> None:
    facts = {name for name, kind in KINDS.items() if kind.message_class == "fact"}
    said = {key.split(".")[1] for key in catalogue("zh") if key.startswith("facts.")}
    assert facts <= said, facts - said


@pytest.mark.parametrize("path", sources(".vue", ".ts", ".css"), ids=lambda path: str(path.relative_to(UI)))
def test_no_chinese_outside_the_catalogues(path: Path) -> None:
    assert not CHINESE.findall(COMMENT.sub("", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", sources(".vue"), ids=lambda path: str(path.relative_to(UI)))
def test_no_bare_words_in_templates(path: Path) -> None:
    text = COMMENT.sub("", path.read_text(encoding="utf-8"))
    template = "".join(re.findall(r"^<template>.*^</template>", text, re.S | re.M))
    # A `>` inside an attribute's expression is no end of a tag.
    bare_tags = re.sub(r'"[^"]*"', '""', template)
    assert not BARE.findall(bare_tags)
    assert not SPOKEN.findall(template)


def test_every_key_that_is_asked_for_exists() -> None:
    known = set(catalogue("zh"))
    asked = re.compile(r"""\bt\(\s*["']([\w.]+)["']""")
    missing = {
        key
        for path in sources(".vue", ".ts")
        for key in asked.findall(path.read_text(encoding="utf-8"))
        if key not in known
    }
    assert not missing


ROOT = UI.parents[1]
REFUSING = {"refuse", "_refuse", "Refusal"}
"""Calls whose message key reaches a page; besides these, every class `…Refused` and every `raise …("x.y")`."""
RAISING = {"raise_", "raised"}
"""Calls that raise an alarm by its plain name."""


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _word(argument: ast.expr) -> str | None:
    plain = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    return str(argument.value) if plain else None  # type: ignore[attr-defined]


def calls() -> Iterator[tuple[str, list[str | None]]]:
    """Every call of the programs that serve pages: its name, and its arguments where they are plain words."""
    for top in ("venue", "edge_agent", "access_control"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield _called(node), [_word(argument) for argument in node.args]


def test_every_key_that_the_programs_raise_has_words_in_both_languages() -> None:
    key = re.compile(r"[a-z_]+\.[a-z_]+")
    asked = {
        word
        for name, words in calls()
        if name in REFUSING or name.endswith(("Refused", "Error"))
        for word in words
        if word and key.fullmatch(word)
    }
    assert len(asked) > 40, "the search finds the keys"
    for lang in ("zh", "en"):
        known = catalogue(lang)
        assert not sorted(word for word in asked if f"errors.{word}" not in known)


def test_every_alarm_has_words_in_both_languages() -> None:
    # `raise_(alarm, …)` at the edge; `raise_(db, alarm, …)` and `raised(ctx, alarm, …)` elsewhere.
    asked = {
        alarm
        for name, words in calls()
        if name in RAISING and words
        for alarm in [words[0] or (words[1] if words[2:] else None)]
        if alarm
    } - {"centre", "recordings"}  # the subject of a composed name
    named = {w.removeprefix("alarm.") for _, words in calls() for w in words if w and w.startswith("alarm.")}
    asked |= named - {"raised", "cleared"}
    # Composed of a name and a state; the programs spell them no further.
    asked |= {
        "edge_silent",
        "witness_silent",
        "ledger_fork",
        "ledger_hole",
        "disk_low",
        "disk_full",
        "disk_error",
    }
    assert len(asked) > 30, "the search finds the alarms"
    for lang in ("zh", "en"):
        known = catalogue(lang)
        assert not sorted(alarm for alarm in asked if f"alarm.{alarm}" not in known)


NOTICE = re.compile(r"(code|promise|store|leave)\.([a-z_]+)")


def section(begin: str, end: str) -> str:
    """What the page of interfaces says between two marks."""
    text = (ROOT / "docs/design/interfaces.md").read_text(encoding="utf-8")
    span = text[text.index(begin) :]
    return span[: span.index(end)]


def interface_words(begin: str, end: str) -> set[str]:
    """The keys that the page of interfaces lists between two marks."""
    listed = re.findall(r"`([a-z_, ]+)`", section(begin, end))
    return {word.strip() for part in listed for word in part.split(",")}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_result_reason_and_alarm_of_the_interfaces_has_words(lang: str) -> None:
    known = catalogue(lang)
    results = interface_words("`card_presented.result` =", ", or the reason")
    reasons = interface_words("Reasons of refusal:", "\n")
    alarms = interface_words("Alarms: ", "\n")
    notices = {f"{area}.{word}" for area, word in NOTICE.findall(section("Notices: ", "\n"))}
    assert len(notices) == 8
    assert not sorted(word for word in notices if f"kiosk.notices.{word}" not in known)
    assert not sorted(word for word in results if f"words.result.{word}" not in known)
    assert not sorted(word for word in reasons if f"words.reason.{word}" not in known)
    assert not sorted(word for word in alarms if f"alarm.{word}" not in known)
