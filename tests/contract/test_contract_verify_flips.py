"""One flipped bit in any file of the evidence, catalogue and manifests rebuilt: the package is never good."""

import io
from typing import IO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_package import Package, sample, tag_files

from contract.package import CATALOGUE, DATA, STATEMENT
from contract.verify.report import verify

pytestmark = pytest.mark.fast


class MemoryBag:
    """A package held in memory: the verifier's port with a third thing behind it."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def names(self) -> list[str]:
        return sorted(self._files)

    def bad_names(self) -> list[str]:
        return []

    def open_member(self, name: str) -> IO[bytes]:
        return io.BytesIO(self._files[name])


PACK = sample()
RING = PACK.keys.ring()
SIGNED = PACK.seal()[STATEMENT]
NOTES = sorted(name for name in PACK.files if name.endswith(".note"))
# A statement signed anew covers whatever the papers are now; the package's own keys are not believed; in a note that
# proves nothing by itself a line under a name that nobody knows is ignored, as C2SP demands.
EVIDENCE = sorted(
    name for name in PACK.files if not name.endswith(("report.txt", "keys.json")) and name not in NOTES[:-1]
)


def test_the_untouched_package_is_good() -> None:
    assert verify(MemoryBag(PACK.seal()), RING).good


@given(st.sampled_from(EVIDENCE), st.integers(0, 1 << 30), st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_no_flipped_bit_passes(name: str, place: int, bit: int) -> None:
    data = bytearray(PACK.files[name])
    data[place % len(data)] ^= 1 << bit
    changed = Package({**PACK.files, name: bytes(data)}, PACK.keys)
    report = verify(MemoryBag(changed.seal()), RING)
    assert not report.good
    assert all(finding.text for finding in report.findings)


@given(
    st.sampled_from(sorted([*PACK.files, CATALOGUE, STATEMENT])), st.integers(0, 1 << 30), st.integers(0, 7)
)
@settings(max_examples=150, deadline=None)
def test_no_flipped_bit_passes_whoever_lacks_the_centre_s_key(name: str, place: int, bit: int) -> None:
    """Every file of the payload and the statement itself: papers, keys and every note too."""
    data = bytearray(PACK.seal()[name])
    data[place % len(data)] ^= 1 << bit
    if name in PACK.files:
        files = Package({**PACK.files, name: bytes(data)}, PACK.keys, statement=SIGNED).seal()
    else:
        files = {**PACK.seal(), name: bytes(data)}
    payload = {n: d for n, d in files.items() if n.startswith(DATA)}
    files |= tag_files(payload, {STATEMENT: files[STATEMENT]})
    assert not verify(MemoryBag(files), RING).good


@given(st.sampled_from(sorted(PACK.files)), st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_no_contents_of_a_file_make_the_verifier_crash(name: str, data: bytes) -> None:
    report = verify(MemoryBag(Package({**PACK.files, name: data}, PACK.keys).seal()), RING)
    assert report.good == name.endswith(("report.txt", "catalogue.json"))
