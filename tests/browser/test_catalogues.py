"""Both languages are complete, and no words for people stand outside the catalogues."""

import json
import re
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
