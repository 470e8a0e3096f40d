"""What the verifier can find, in one table: key to English text. A finding names file, second and fault."""

from dataclasses import dataclass, field
from typing import Any

TEXTS = {
    "bag.declaration": "bagit.txt does not declare a BagIt 0.97 or 1.0 bag in UTF-8",
    "bag.manifest_missing": "the manifest is missing",
    "bag.manifest_line": "line {line} of the manifest cannot be read",
    "bag.missing": "listed in {manifest} but not there",
    "bag.extra": "there but not listed in {manifest}",
    "bag.altered": "altered: {manifest} says {expected}, the file has {found}",
    "bag.stray": "stands outside data/, where nobody vouches for it",
    "bag.name": "a name or link that may not stand in a package",
    "bag.oxum": "Payload-Oxum says {expected}, the payload has {found}",
    "bag.unreadable": "cannot be read: {detail}",
    "catalogue.unreadable": "the catalogue cannot be read: {detail}",
    "catalogue.missing": "the file is not in the catalogue",
    "catalogue.gone": "in the catalogue but not in the package",
    "catalogue.differs": "the catalogue says {field} {expected}, the file has {found}",
    "statement.missing": "the centre's statement is missing: nobody vouches for the catalogue",
    "statement.unreadable": "the centre's statement cannot be read: {detail}",
    "statement.signer": "signed by {key}, which is no key of the centre that is known here",
    "statement.signature": "the signature of {key} does not fit the statement",
    "statement.key_term": "key {key} was used at {at}, outside its term",
    "statement.catalogue": "not the catalogue that the centre signed: it signed {expected}, the file has {found}",
    "statement.differs": "the statement says {field} {expected}, {whose} says {found}",
    "journal.none": "there is no journal of any venue",
    "journal.line": "line {line} is not one record: {detail}",
    "journal.field": "line {line}: field {field} is {found}",
    "journal.sessions": "the journals speak of several sessions: {found}",
    "journal.order": "line {line}: seq {found} does not come after {previous}",
    "chain.session": "record {number}: belongs to session {found}, not {expected}",
    "chain.session_seq": "record number {expected} is missing: number {found} stands in its place",
    "chain.session_prev": "record {number} does not follow the record before it (a record was changed or removed)",
    "journal.not_closed": "the session is not closed: its last record is {found}",
    "journal.count": "closing says {expected} records before it, there are {found}",
    "journal.last_hash": "closing names another last record than the one that stands there",
    "proof.missing": "the proof file is missing",
    "proof.unreadable": "the proof file cannot be read: {detail}",
    "note.unreadable": "not a checkpoint note: {detail}",
    "note.name": "the note is of size {size}, its name says otherwise",
    "note.origin": "the note is of {found}, not of {expected}",
    "note.unsigned": "no valid signature of {name}",
    "note.signature_bad": "the signature of {name} does not fit the note",
    "note.key_term": "key {key} was used at {at}, outside its term",
    "note.cosignature_missing": "no valid cosignature of the {role}: the history may have been rewritten",
    "keys.differ": "key {key} is not the key that is trusted under this name",
    "consistency.missing": "no proof that checkpoint {old} is the beginning of checkpoint {new}",
    "consistency.fails": "checkpoint {old} is not the beginning of checkpoint {new}: the history was rewritten",
    "inclusion.checkpoint": "no checkpoint note of size {size} with the root that the proofs are for",
    "inclusion.not_covered": "the proving checkpoint has {size} records, the session ends at {seq}",
    "inclusion.missing": "no proof that record {seq} is in the journal that was signed",
    "inclusion.fails": "record {seq} is not in the journal that was signed (changed or put in later)",
    "timestamp.missing": "no RFC 3161 token for the proving checkpoint",
    "timestamp.not_checked": "RFC 3161 token not checked",
    "recording.missing": "the recording of {camera} is missing",
    "recording.altered": "the recording of {camera} is altered: its record says {expected}, the file has {found}",
    "recording.differs": "the record says {field} {expected}, the file has {found}",
    "recording.stray": "no record of the session speaks of this recording",
    "recording.chain_file": "the file does not continue the file of {camera} before it",
    "recording.hole": "{camera}: {media} missing for {millis} ms, not declared",
    "media.truncated": "{bytes} bytes at the end belong to no whole fragment",
    "media.box": "damaged at byte {offset}: {detail}",
    "media.size": "damaged at byte {offset}: {detail}",
    "media.tracks": "damaged at byte {offset}: {detail}",
    "media.sizes": "damaged at byte {offset}: {detail}",
    "media.not_a_fragment": "damaged at byte {offset}: {detail}",
    "media.after_end": "damaged at byte {offset}: {detail}",
    "media.chain": "the chain breaks at byte {offset}: {detail}",
    "media.sequence": "a fragment is missing at byte {offset}: {detail}",
    "reckoning.unreadable": "completeness cannot be read: {detail}",
    "reckoning.facts": "the records do not allow a reckoning: {detail}",
    "reckoning.not_stated": "the edge never stated its reckoning",
    "reckoning.differs": "{who} states {path} otherwise than the records give it",
    "reckoning.gap": "{camera}: {media} missing for {millis} ms, not declared",
}
"""Every key the verifier uses; a test makes each of them appear once."""

MOST_BAD_LINES = 100
"""A text with so many unreadable lines is read no further: what is wrong has been said, and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `second` is `YYYY-MM-DDTHH:MM:SSZ`, or None where no time applies."""

    file: str
    key: str
    second: str | None = None
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """English text; KeyError for a key outside the table is a programming error."""
        return TEXTS[self.key].format(**self.params)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "file": self.file,
            "second": self.second,
            "key": self.key,
            "params": self.params,
            "text": self.text,
        }
