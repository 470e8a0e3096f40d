"""A second verifier, made from docs/design/proof.md alone: it reads the page's own tables and imports nothing of
ours but the maker of the sample package."""

import base64
import hashlib
import json
import re
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sample_package import Package, sample

pytestmark = pytest.mark.fast
PAGE = (Path(__file__).parents[2] / "docs" / "design" / "proof.md").read_text(encoding="utf-8")


def table(first_heading: str) -> list[dict[str, str]]:
    """The page's table whose first column has that heading, as rows by heading, code marks taken off."""
    lines = PAGE.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first_heading} |"))
    heads = cells(lines[start])
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(heads, cells(line), strict=True)))
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def bare(cell: str) -> str:
    """The first thing in code marks."""
    return re.search(r"`([^`]*)`", cell)[1]


PREFIX = {row["name"]: bytes.fromhex(bare(row["hex"])) for row in table("name")}
PATHS = [bare(row["path"]) for row in table("path")]
TYPES = {row["signature"]: bytes.fromhex(bare(row["type"])) for row in table("signature")}
BOX = table("offset")
FIELDS = [row for row in table("field") if row["meaning"]]
SEGMENT = table("body field")
ENVELOPE = [bare(row["part"]) for row in table("part")]
STATED = table("stated")


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def leaf(record: bytes) -> bytes:
    return sha(PREFIX["leaf"], record)


def node(left: bytes, right: bytes) -> bytes:
    return sha(PREFIX["node"], left, right)


def place(template: str, **names: str) -> str:
    """A path of the page with its capitals filled in."""
    path = next(p for p in PATHS if p.endswith(template))
    for name, value in names.items():
        path = path.replace(name, value)
    return path


@dataclass
class Reader:
    """What the page says to do, in its order."""

    files: dict[str, bytes]
    trusted: list[dict[str, Any]]
    venue: str = "V01"

    def records(self) -> list[bytes]:
        text = self.files[place("VENUE.jsonl", VENUE=self.venue)]
        assert text.endswith(b"\n")
        return text[:-1].split(b"\n")

    def bag(self) -> None:
        """P-1."""
        for manifest, want in ((PATHS[2], True), (PATHS[3], False)):
            listed = {}
            for line in self.files[manifest].decode().splitlines():
                digest, name = line.split(maxsplit=1)
                listed[name] = digest
            names = {
                n for n in self.files if n.startswith("data/") is want and not n.startswith("tagmanifest-")
            }
            assert set(listed) == names, "P-1"
            assert want or names <= set(PATHS), "P-1"
            assert all(sha(self.files[n]).hex() == d for n, d in listed.items()), "P-1"

    def journal(self) -> None:
        """P-3 to P-5, and that a record has the fields of the page and no others."""
        before, last_seq = "0" * 64, 0
        facts = [json.loads(data) for data in self.records()]
        for number, (data, fact) in enumerate(zip(self.records(), facts, strict=True), 1):
            assert sorted(fact) == sorted(bare(row["field"]) for row in FIELDS), "fields"
            assert fact["venue"] == self.venue and fact["session"] == facts[0]["session"], "P-3"
            assert fact["seq"] > last_seq, "P-3"
            assert (fact["session_seq"], fact["session_prev"]) == (number, before), "P-4"
            before, last_seq = leaf(data).hex(), fact["seq"]
        body = facts[-1]["body"]
        assert facts[-1]["kind"] == "session_closed", "P-5"
        assert body["count"] == len(facts) - 1, "P-5"
        assert body["last_hash"] == facts[-1]["session_prev"], "P-5"

    def notes(self) -> dict[int, tuple[bytes, set[str]]]:
        """P-7 to P-9: size to (root, roles that signed it)."""
        folder = place("SIZE.note", VENUE=self.venue).removesuffix("SIZE.note")
        heads = {}
        for path in sorted(n for n in self.files if n.startswith(folder)):
            text, _, block = self.files[path].decode().rpartition("\n\n")
            text += "\n"
            origin, size, root, time, rest = text.split("\n")
            assert (origin, rest) == (f"jianzheng/{self.venue}", ""), "P-8"
            assert path == f"{folder}{int(size):012d}.note", "P-8"
            roles = self.signers(text, block, time.removeprefix("time "))
            assert "edge" in roles, "P-9"
            heads[int(size)] = (base64.b64decode(root), roles)
        return heads

    def signers(self, text: str, block: str, at: str) -> set[str]:
        roles = set()
        for line in block.splitlines():
            dash, name, blob = line.split(" ")
            assert dash == "\u2014"
            role = next(
                filter(None, (self.signed(k, name, base64.b64decode(blob), text, at) for k in self.trusted)),
                None,
            )
            assert role, "a line of a known name that does not verify"
            roles.add(role)
        return roles

    def signed(self, key: dict[str, Any], name: str, blob: bytes, text: str, at: str) -> str | None:
        public = base64.b64decode(key["public"])
        kind = TYPES["edge" if key["role"] == "edge" else "cosignature"]
        if key["name"] != name or blob[:4] != sha(name.encode(), b"\n", kind, public)[:4]:
            return None
        message, signature = text.encode(), blob[4:]
        if kind == TYPES["cosignature"]:
            (seconds,) = struct.unpack(">Q", blob[4:12])
            message, signature = f"cosignature/v1\ntime {seconds}\n{text}".encode(), blob[12:]
        assert key["from"] <= at and key["until"] is None, "P-7"
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
        except InvalidSignature:
            return None
        return key["role"]

    def tree(self) -> None:
        """P-10 to P-13."""
        heads = self.notes()
        proofs = json.loads(self.files[place("consistency.json", VENUE=self.venue)])["proofs"]
        paths = {(row["from"], row["to"]): [bytes.fromhex(p) for p in row["path"]] for row in proofs}
        sizes = sorted(heads)
        for old, new in pairwise(sizes):
            assert consistent(old, new, heads[old][0], heads[new][0], paths[old, new]), "P-11"
        inclusion = json.loads(self.files[place("inclusion.json", VENUE=self.venue)])
        root, roles = heads[inclusion["size"]]
        assert {"centre", "witness"} <= roles, "P-10"
        assert root.hex() == inclusion["root"], "P-12"
        rows = {row["seq"]: [bytes.fromhex(p) for p in row["path"]] for row in inclusion["facts"]}
        for data in self.records():
            seq = json.loads(data)["seq"]
            assert seq <= inclusion["size"], "P-12"
            assert included(leaf(data), seq - 1, inclusion["size"], rows[seq], root), "P-13"

    def recordings(self) -> None:
        """P-14 and P-15."""
        facts = [json.loads(data) for data in self.records()]
        bodies = [f["body"] for f in facts if f["kind"] == "segment_finalised"]
        folder = f"data/recordings/{self.venue}/"
        paths = {f"{folder}{b['camera']}/{b['file'].rsplit('/', 1)[-1]}": b for b in bodies}
        assert {n for n in self.files if n.startswith(folder)} == set(paths), "P-14"
        for path, body in paths.items():
            found = measure(self.files[path])
            for row in SEGMENT:
                name = bare(row["body field"])
                if name in found:
                    assert found[name] == body[name], f"P-14 {name}"

    def catalogue(self) -> dict[str, Any]:
        """P-2."""
        path = next(p for p in PATHS if p.endswith("catalogue.json"))
        table_ = json.loads(self.files[path])
        rows = {row["path"]: (row["bytes"], row["sha256"]) for row in table_["items"]}
        payload = {n: d for n, d in self.files.items() if n.startswith("data/") and n != path}
        assert len(rows) == len(table_["items"]), "P-2"
        assert rows == {n: (len(d), sha(d).hex()) for n, d in payload.items()}, "P-2"
        return {**table_, "catalogue_sha256": sha(self.files[path]).hex()}

    def statement(self) -> None:
        """P-20 and P-21."""
        envelope = json.loads(self.files[place("statement.json")])
        assert sorted(envelope) == sorted(ENVELOPE), "P-20"
        stated, text = json.loads(envelope["signed"]), envelope["signed"].encode()
        by_id = {f"{key['name']}-{key['epoch']}": key for key in self.trusted if key["role"] == "centre"}
        key = by_id.get(envelope["key"])
        assert key, "P-20"
        assert key["suite"] == envelope["suite"], "P-20"
        assert key["from"] <= stated["composed_at"] < (key["until"] or "9"), "P-20"
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public"]))
        try:
            public.verify(base64.b64decode(envelope["signature"]), PREFIX["statement"] + text)
        except InvalidSignature:
            raise AssertionError("P-20") from None
        held = self.catalogue()
        for row in STATED:
            name, must = bare(row["stated"]), row["must be"]
            fixed = re.match(r"`([^`]*)`", must)
            expected = fixed[1] if fixed else held.get(name, stated[name])
            assert str(stated[name]) == str(expected), f"P-21 {name}"
            assert type(stated[name]) is {"text": str, "integer": int}[row["form"]], f"P-21 {name}"
        assert sorted(stated) == sorted(bare(row["stated"]) for row in STATED), "P-21"
        assert stated["session"] == json.loads(self.records()[0])["session"], "P-21"

    def all(self) -> None:
        self.bag()
        self.journal()
        self.tree()
        self.recordings()
        self.catalogue()
        self.statement()


def included(r: bytes, n: int, size: int, path: list[bytes], root: bytes) -> bool:
    last = size - 1
    for p in path:
        if last == 0:
            return False
        if n % 2 or n == last:
            r = node(p, r)
            while n % 2 == 0 and n:
                n, last = n // 2, last // 2
        else:
            r = node(r, p)
        n, last = n // 2, last // 2
    return last == 0 and r == root


def consistent(old: int, new: int, old_root: bytes, new_root: bytes, path: list[bytes]) -> bool:
    parts = [old_root, *path] if old & (old - 1) == 0 else path
    n, last = old - 1, new - 1
    while n % 2:
        n, last = n // 2, last // 2
    f = s = parts[0]
    for p in parts[1:]:
        if last == 0:
            return False
        if n % 2 or n == last:
            f, s = node(p, f), node(p, s)
            while n % 2 == 0 and n:
                n, last = n // 2, last // 2
        else:
            s = node(s, p)
        n, last = n // 2, last // 2
    return (last, f, s) == (0, old_root, new_root)


def measure(data: bytes) -> dict[str, Any]:
    """A file of section 6, its uuid boxes read by the page's table."""
    boxes, at = [], 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        boxes.append((kind, data[at : at + size]))
        at += size
    head = boxes[0][1] + boxes[1][1]
    rest = [b for b in boxes[2:] if b[0] != b"mfra"]
    previous = sha(bytes(32), head)
    first, lost, count = None, 0, 0
    for place_ in range(0, len(rest), 3):
        kinds = [kind for kind, _ in rest[place_ : place_ + 3]]
        assert kinds == [b"uuid", b"moof", b"mdat"], "P-15"
        fields = unpack(rest[place_][1])
        count += 1
        assert fields["sequence"] == count, "P-15"
        if first is None:
            first = fields
        else:
            assert fields["previous digest"] == previous, "P-15"
        previous = sha(*(box for _, box in rest[place_ : place_ + 3]))
        lost += fields["lost"]
    assert first is not None
    return {
        "sha256": sha(data).hex(), "bytes": len(data), "start_us": first["first picture"],
        "chain_first": first["previous digest"].hex(), "chain_last": previous.hex(), "fragments": count, "lost": lost,
        "container": "mov" if data[8:12] == b"qt  " else "mp4",
    }  # fmt: skip


def unpack(uuid: bytes) -> dict[str, Any]:
    """Fields of a uuid box by name: offsets, sizes and forms are the page's."""
    fields: dict[str, Any] = {}
    for row in BOX:
        start, size = int(row["offset"]), int(row["size"])
        part = uuid[start : start + size]
        assert len(part) == size
        fields[row["field"]] = int.from_bytes(part, "big") if row["form"].startswith("u") else part
        if row["form"].startswith("`"):
            assert part == bytes.fromhex(bare(row["form"]))
    return fields


@pytest.fixture(scope="module")
def good() -> Package:
    return sample()


def reader(pack: Package, **changed: bytes) -> Reader:
    return Reader({**pack.seal(), **changed}, pack.keys.ring().as_table()["keys"])


@pytest.mark.req("M7")
def test_the_page_describes_the_sample(good: Package) -> None:
    reader(good).all()


def test_the_table_of_the_uuid_box_fills_it_without_holes() -> None:
    ends = [int(row["offset"]) + int(row["size"]) for row in BOX]
    assert [int(row["offset"]) for row in BOX] == [0, *ends[:-1]]
    assert ends[-1] == int(BOX[0]["form"].split(": ")[1])


def test_the_table_of_keys_is_the_form_of_a_key(good: Package) -> None:
    start = PAGE.index("## 3. Keys")
    names = re.findall(r"^\| `(\w+)` \|", PAGE[start : PAGE.index("## 4.")], re.MULTILINE)
    keys = json.loads(good.seal()[place("keys.json", VENUE="V01")])["keys"]
    assert all(sorted(key) == sorted(names) for key in keys)


def test_every_path_of_the_sample_is_on_the_page(good: Package) -> None:
    forms = [re.sub(r"VENUE|CAMERA|START|EXT|SIZE", "[^/]+", re.escape(p)).replace("…", ".+") for p in PATHS]
    assert [n for n in good.seal() if not any(re.fullmatch(form, n) for form in forms)] == []


def test_a_swapped_paper_project_and_signer_are_seen_by_the_page_too(good: Package) -> None:
    held = Package(dict(good.files), good.keys).without_the_centre()
    held.files[place("documents/…").replace("…", "report.txt")] = b"another"
    swapped = Reader(held.seal(), good.keys.ring().as_table()["keys"])
    swapped.bag()
    swapped.catalogue()
    with pytest.raises(AssertionError, match="P-21 catalogue_sha256"):
        swapped.statement()
    wrong = Package(good.files, good.keys, project="another")
    wrong.statement = wrong.signed(wrong.seal()["data/catalogue.json"], project="yet another")
    with pytest.raises(AssertionError, match="P-21 project"):
        reader(wrong).statement()
    wrong.statement = wrong.signed(wrong.seal()["data/catalogue.json"], sample().keys.centre)
    with pytest.raises(AssertionError, match="P-20"):
        reader(wrong).statement()


@pytest.mark.parametrize("place_", range(5, 80, 12))
def test_a_changed_record_is_seen_by_the_page_too(good: Package, place_: int) -> None:
    path = place("VENUE.jsonl", VENUE="V01")
    lines = good.files[path].split(b"\n")
    at = place_ % (len(lines) - 2)
    lines[at] = lines[at].replace(b'"V01"', b'"V1"').replace(b'"mono_us":', b'"mono_us":1')
    with pytest.raises(AssertionError):
        reader(good, **{path: b"\n".join(lines)}).journal()
    with pytest.raises(AssertionError):
        reader(good, **{path: b"\n".join(lines)}).tree()


def test_a_changed_picture_note_and_signer_are_seen_by_the_page_too(good: Package) -> None:
    path = next(n for n in good.files if n.endswith(".mov"))
    media = bytearray(good.files[path])
    media[5000] ^= 1
    with pytest.raises(AssertionError, match="P-1"):
        reader(good, **{path: bytes(media)}).bag()
    with pytest.raises(AssertionError, match="P-1"):
        reader(good, **{path: bytes(media)}).recordings()
    note = next(n for n in good.files if n.endswith(".note"))
    with pytest.raises(AssertionError, match="does not verify"):
        reader(good, **{note: good.files[note].replace(b"time 2026", b"time 2027")}).tree()
    stranger = Reader(good.seal(), sample().keys.ring().as_table()["keys"])
    with pytest.raises(AssertionError, match="does not verify"):
        stranger.tree()
