"""The house rules that no other tool keeps: locks name no registry, no file a machine's path, rooms are mapped."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("contract", "devices", "access_control", "recording", "edge_agent", "venue")
TEXT = {".py", ".toml", ".md", ".json", ".lock", ".in", ".vue", ".ts", ".html", ".css", ".sh", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def text_files() -> list[Path]:
    return [path for path in tracked() if path.suffix in TEXT]


def registry_lines(text: str) -> list[str]:
    """Lines of a lock that name where a package came from."""
    pattern = re.compile(
        r'"resolved"\s*:|--(?:extra-)?index-url|--find-links|^\s*(?:index|url)\s*=|@ (?:https?|file)://',
        re.MULTILINE,
    )
    return [line for line in text.splitlines() if pattern.search(line)]


def test_locks_name_no_registry() -> None:
    locks = [
        *ROOT.glob("requirements/*"),
        ROOT / "kiosk_ui/package-lock.json",
        ROOT / "kiosk_ui/.npmrc",
        ROOT / "pyproject.toml",
    ]
    assert {str(p): registry_lines(p.read_text()) for p in locks if registry_lines(p.read_text())} == {}


@pytest.mark.parametrize(
    "line",
    [
        '      "resolved": "https://example.invalid/x.tgz",',
        "--index-url https://example.invalid/simple",
        "x @ file:///y",
    ],
)
def test_a_registry_in_a_lock_is_found(line: str) -> None:
    assert registry_lines(f"a==1\n{line}\n") == [line]


def test_python_locks_pin_every_package_by_hash() -> None:
    for lock in ROOT.glob("requirements/*.lock"):
        entries = re.findall(
            r"^[a-zA-Z0-9_.\[\]-]+==.*?(?=^[a-zA-Z0-9]|\Z)", lock.read_text(), re.MULTILINE | re.DOTALL
        )
        assert entries, lock
        assert [e.splitlines()[0] for e in entries if "--hash=sha256:" not in e] == []


def test_no_file_names_a_path_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(?:work|farm|root)/")
    found = [
        str(p.relative_to(ROOT))
        for p in text_files()
        if p != Path(__file__) and pattern.search(p.read_text())
    ]
    assert found == []


def test_every_package_opens_with_its_map() -> None:
    for package in PACKAGES:
        doc = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
        assert doc, package
        assert len(doc.splitlines()) >= 3, package


def long_functions(source: str) -> list[tuple[str, int]]:
    """Functions over the house's hard stop of 60 lines."""
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [
        (n.name, (n.end_lineno or 0) - n.lineno + 1) for n in nodes if (n.end_lineno or 0) - n.lineno + 1 > 60
    ]


def test_functions_and_files_stay_small() -> None:
    ours = [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in PACKAGES]
    sources = [p for p in ours if "versions" not in p.parts]  # a migration is a list of tables, read once
    assert [(str(p.relative_to(ROOT)), f) for p in sources for f in long_functions(p.read_text())] == []
    assert [str(p.relative_to(ROOT)) for p in sources if len(p.read_text().splitlines()) > 400] == []


def test_a_long_function_is_found() -> None:
    assert long_functions("def f():\n" + "    x = 1\n" * 60) == [("f", 61)]


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = [p.name for p in tracked() if p.name.startswith("test_") and p.suffix == ".py"]
    assert sorted({n for n in names if names.count(n) > 1}) == []
