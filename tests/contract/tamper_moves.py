"""Moves of the tamper campaign: how a package is changed when catalogue and manifests are rebuilt afterwards."""

import io
import json
from collections.abc import Callable
from typing import Any

from sample_media import box, header, recording
from sample_package import VENUE, Package

from contract import package
from contract.canonical import canonical
from contract.chain import GENESIS, fact_hash
from contract.keys import SigningKey
from contract.media import scan
from contract.notes import Checkpoint, origin, parse_checkpoint, parse_note, sign_checkpoint
from contract.package import COMPLETENESS, STATEMENT, proof_path

JOURNAL = package.journal_path(VENUE)
INCLUSION, CONSISTENCY, KEYS = (
    proof_path(VENUE, n) for n in ("inclusion.json", "consistency.json", "keys.json")
)
SEGMENT = "data/recordings/V01/C1/20261120T010000.002000Z.mov"


def recordings(pack_: Package) -> list[str]:
    return sorted(name for name in pack_.files if name.startswith(package.RECORDINGS))


def notes(pack_: Package) -> list[str]:
    return sorted(name for name in pack_.files if "/checkpoints/" in name)


def edit_line(place: int, *, body: dict[str, Any] | None = None, **changes: Any) -> Callable[[Package], None]:
    def change(pack_: Package) -> None:
        lines = pack_.lines()
        fact = json.loads(lines[place])
        lines[place] = canonical({**fact, **changes, "body": {**fact["body"], **(body or {})}})
        pack_.set_lines(lines)

    return change


def edit_json(path: str, edit: Callable[[Any], None]) -> Callable[[Package], None]:
    def change(pack_: Package) -> None:
        value = pack_.json(path)
        edit(value)
        pack_.set_json(path, value)

    return change


def put(path: str, data: bytes) -> Callable[[Package], None]:
    return lambda pack_: pack_.files.__setitem__(path, data)


def drop(path: str) -> Callable[[Package], None]:
    return lambda pack_: pack_.files.pop(path) and None


def drop_line(place: int) -> Callable[[Package], None]:
    def change(pack_: Package) -> None:
        lines = pack_.lines()
        del lines[place]
        pack_.set_lines(lines)

    return change


def swap_lines(pack_: Package) -> None:
    lines = pack_.lines()
    lines[3], lines[4] = lines[4], lines[3]
    pack_.set_lines(lines)


def renumber(pack_: Package) -> None:
    """A row removed, and every later row chained and numbered anew, with the closing to match."""
    lines = pack_.lines()
    del lines[4]
    relink(pack_, lines)


def relink(pack_: Package, lines: list[bytes]) -> None:
    prev = GENESIS
    for place, line in enumerate(lines):
        fact = {**json.loads(line), "session_seq": place + 1, "session_prev": prev}
        if fact["kind"] == "session_closed":
            fact["body"] = {**fact["body"], "count": place, "last_hash": prev}
        lines[place] = canonical(fact)
        prev = fact_hash(lines[place])
    pack_.set_lines(lines)


def note_with(change: Callable[[str], str], place: int = -1) -> Callable[[Package], None]:
    def edit(pack_: Package) -> None:
        path = notes(pack_)[place]
        pack_.files[path] = change(pack_.files[path].decode()).encode()

    return edit


def without(name: str) -> Callable[[Package], None]:
    return note_with(
        lambda note: "".join(line for line in note.splitlines(keepends=True) if f"— {name} " not in line)
    )


def other_origin(pack_: Package) -> None:
    path = notes(pack_)[0]
    point = parse_checkpoint(parse_note(pack_.files[path].decode()).text)
    other = Checkpoint(origin("V02"), point.size, point.root, point.time)
    pack_.files[path] = sign_checkpoint(other, pack_.keys.edge).encode()


def rename_note(pack_: Package) -> None:
    path = notes(pack_)[0]
    pack_.files[proof_path(VENUE, package.checkpoint_name(7))] = pack_.files.pop(path)


def silence(pack_: Package) -> None:
    """A file of which the end is cut away, while its record is left as it was."""
    pack_.files[SEGMENT] = pack_.files[SEGMENT][:-5000]


def cut_clean(pack_: Package) -> None:
    """The last two fragments cut away at their border, so that nothing is torn."""
    media = scan(io.BytesIO(pack_.files[SEGMENT]))
    pack_.files[SEGMENT] = pack_.files[SEGMENT][: media.fragments[3].offset]


def other_beginning(pack_: Package) -> None:
    """The camera's second file, made anew on a chain that starts from nothing."""
    name = recordings(pack_)[1]
    start = json.loads(next(x for x in pack_.lines() if name.rsplit("/", 1)[1].encode() in x))["body"][
        "start_us"
    ]
    pack_.files[name] = recording(start, 5)[0]


def prove_by_first_note(pack_: Package) -> None:
    point = parse_checkpoint(parse_note(pack_.files[notes(pack_)[0]].decode()).text)
    edit_json(INCLUSION, lambda table: table.update(size=point.size, root=point.root.hex()))(pack_)


def other_session(pack_: Package) -> None:
    fact = json.loads(pack_.lines()[0])
    line = canonical({**fact, "venue": "V02", "session": "other"})
    pack_.files[package.journal_path("V02")] = line + b"\n"


def stated(**other: Any) -> Callable[[Package], None]:
    """The centre states something else than what the package is."""

    def change(pack_: Package) -> None:
        pack_.statement = pack_.signed(pack_.seal()[package.CATALOGUE], **other)

    return change


def envelope(change: Callable[[dict[str, Any]], Any]) -> Callable[[Package], None]:
    """The statement's envelope changed by somebody without the centre's key."""

    def edit(pack_: Package) -> None:
        value = json.loads(pack_.without_the_centre().statement or b"")
        change(value)
        pack_.statement = json.dumps(value).encode()

    return edit


def raw_statement(data: bytes) -> Callable[[Package], None]:
    return lambda pack_: setattr(pack_, "statement", data)


def signed_by(holder: str) -> Callable[[Package], None]:
    def change(pack_: Package) -> None:
        key = getattr(pack_.keys, holder, None) or SigningKey.generate("centre")
        pack_.statement = pack_.signed(pack_.seal()[package.CATALOGUE], key)

    return change


def swap_document(pack_: Package) -> None:
    """Another paper in the place of the true one, catalogue and manifests rebuilt."""
    pack_.without_the_centre().files[PAPER] = "另一份报告\n".encode()


def swap_project(pack_: Package) -> None:
    """The same evidence under another project's name."""
    pack_.without_the_centre().project = "示例项目 02"


PAPER = f"{package.DOCUMENTS}report.txt"
RENAMED = "data/recordings/V01/C1/20261120T020000.000000Z.mov"
CASES: list[tuple[str, Callable[[Package], None], str | None]] = [
    ("journal.line", put(JOURNAL, b"nonsense\n"), JOURNAL),
    ("journal.line", lambda p: put(JOURNAL, p.files[JOURNAL][:-1])(p), JOURNAL),
    ("journal.field", edit_line(3, seq="4"), JOURNAL),
    ("journal.field", edit_line(3, wall="yesterday"), JOURNAL),
    ("journal.field", edit_line(3, venue="V02"), JOURNAL),
    ("journal.sessions", other_session, package.JOURNAL),
    ("journal.order", swap_lines, JOURNAL),
    ("chain.session", edit_line(3, session="other"), JOURNAL),
    ("chain.session_seq", drop_line(4), JOURNAL),
    ("chain.session_prev", edit_line(3, visit="visit-2"), JOURNAL),
    ("journal.not_closed", drop_line(-1), JOURNAL),
    ("journal.not_closed", put(JOURNAL, b""), JOURNAL),
    ("journal.count", edit_line(-1, body={"count": 7}), JOURNAL),
    ("journal.last_hash", edit_line(-1, body={"last_hash": "0" * 64}), JOURNAL),
    ("inclusion.fails", renumber, JOURNAL),
    ("inclusion.fails", edit_line(3, clock_error_ms=9), JOURNAL),
    ("proof.missing", drop(INCLUSION), INCLUSION),
    ("proof.missing", drop(CONSISTENCY), CONSISTENCY),
    ("proof.missing", drop(KEYS), KEYS),
    ("proof.unreadable", put(INCLUSION, b"[]"), INCLUSION),
    ("proof.unreadable", put(CONSISTENCY, b"no"), CONSISTENCY),
    ("proof.unreadable", put(KEYS, b"{}"), KEYS),
    ("keys.differ", edit_json(KEYS, lambda t: t["keys"][0].update(public="A" * 43 + "=")), KEYS),
    ("note.unreadable", note_with(lambda note: note + "x"), None),
    ("note.unreadable", note_with(lambda note: note.replace("time", "when")), None),
    ("note.name", rename_note, None),
    ("note.origin", other_origin, None),
    ("note.unsigned", without("V01.edge"), None),
    ("note.signature_bad", note_with(lambda note: note.replace("time 2026", "time 2027")), None),
    ("note.cosignature_missing", without("V01.witness"), None),
    ("note.cosignature_missing", without("centre"), None),
    ("consistency.missing", edit_json(CONSISTENCY, lambda t: t["proofs"].clear()), CONSISTENCY),
    ("consistency.missing", edit_json(CONSISTENCY, lambda t: t.update(proofs=[{}, 3])), CONSISTENCY),
    ("consistency.fails", edit_json(CONSISTENCY, lambda t: t["proofs"][0]["path"].pop()), CONSISTENCY),
    ("consistency.fails", edit_json(CONSISTENCY, lambda t: t["proofs"][0].update(path=["zz"])), CONSISTENCY),
    ("consistency.fails", edit_json(CONSISTENCY, lambda t: t["proofs"][0].pop("path")), CONSISTENCY),
    ("inclusion.checkpoint", edit_json(INCLUSION, lambda t: t.update(size=5)), INCLUSION),
    ("inclusion.not_covered", prove_by_first_note, INCLUSION),
    ("inclusion.missing", edit_json(INCLUSION, lambda t: t["facts"].pop()), INCLUSION),
    ("inclusion.fails", edit_json(INCLUSION, lambda t: t["facts"][0]["path"].pop()), JOURNAL),
    ("recording.missing", drop(SEGMENT), SEGMENT),
    ("recording.hole", drop(SEGMENT), SEGMENT),
    ("recording.stray", put(RENAMED, b"x"), RENAMED),
    ("recording.altered", put(SEGMENT, b"x"), SEGMENT),
    ("recording.differs", cut_clean, SEGMENT),
    ("recording.hole", cut_clean, SEGMENT),
    ("recording.differs", edit_line(-12, body={"lost": 3}), None),
    ("recording.differs", edit_line(-12, body={"bytes": 3}), None),
    ("recording.chain_file", other_beginning, None),
    ("media.truncated", silence, SEGMENT),
    ("media.box", put(SEGMENT, box(b"free")), SEGMENT),
    ("media.size", put(SEGMENT, b"\0\0\0\4ftypxxxx"), SEGMENT),
    ("media.tracks", put(SEGMENT, box(b"ftyp", bytes(8)) + box(b"moov")), SEGMENT),
    ("media.not_a_fragment", put(SEGMENT, header() + box(b"free", bytes(80))), SEGMENT),
    ("media.after_end", lambda p: put(SEGMENT, p.files[SEGMENT] + b"x")(p), SEGMENT),
    ("reckoning.unreadable", put(COMPLETENESS, b"no"), COMPLETENESS),
    ("reckoning.unreadable", edit_json(COMPLETENESS, lambda t: t.update(venues={})), COMPLETENESS),
    ("reckoning.differs", edit_json(COMPLETENESS, lambda t: t["venues"]["V01"]["centre"].update(facts=1)),
     COMPLETENESS),
    ("reckoning.differs", edit_json(COMPLETENESS, lambda t: t["venues"]["V01"].update(edge=None)), COMPLETENESS),
    ("reckoning.facts", edit_line(1, body={"cameras": 3}), JOURNAL),
    ("reckoning.facts", edit_line(-12, body={"start_us": "soon"}), JOURNAL),
    ("statement.missing", raw_statement(b""), STATEMENT),
    ("statement.unreadable", raw_statement(b"no"), STATEMENT),
    ("statement.unreadable", raw_statement(b"{}"), STATEMENT),
    ("statement.unreadable", envelope(lambda e: e.update(signature="~")), STATEMENT),
    ("statement.unreadable", envelope(lambda e: e.update(signature=e["signature"][:-3] + "B==")), STATEMENT),
    ("statement.unreadable", envelope(lambda e: e.update(signed="[]")), STATEMENT),
    ("statement.unreadable", envelope(lambda e: e.update(signed=e["signed"][:-1] + ',"v":1}')), STATEMENT),
    ("statement.unreadable", stated(composed_at="soon"), STATEMENT),
    ("statement.unreadable", stated(project=None), STATEMENT),
    ("statement.signer", signed_by("edge"), STATEMENT),
    ("statement.signer", signed_by("witness"), STATEMENT),
    ("statement.signer", envelope(lambda e: e.update(key="centre-2")), STATEMENT),
    ("statement.signer", envelope(lambda e: e.update(suite="sm2")), STATEMENT),
    ("statement.signature", signed_by("a stranger"), STATEMENT),
    ("statement.signature", envelope(lambda e: e.update(signed=e["signed"].replace(" 01", " 02"))), STATEMENT),
    ("statement.signature", envelope(lambda e: e.update(signed=e["signed"] + " ")), STATEMENT),
    ("statement.key_term", stated(composed_at="2025-11-20T01:00:00.000000Z"), STATEMENT),
    ("statement.catalogue", swap_document, package.CATALOGUE),
    ("statement.catalogue", swap_project, package.CATALOGUE),
    ("statement.catalogue", stated(catalogue_sha256="0" * 64), package.CATALOGUE),
    ("statement.differs", swap_project, STATEMENT),
    ("statement.differs", stated(v=2), STATEMENT),
    ("statement.differs", stated(v=True), STATEMENT),
    ("statement.differs", stated(kind="receipt"), STATEMENT),
    ("statement.differs", stated(package_version=2), STATEMENT),
    ("statement.differs", stated(session="other"), STATEMENT),
    ("statement.differs", stated(project="other"), STATEMENT),
]  # fmt: skip
