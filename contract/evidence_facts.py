"""Bodies of facts about sessions, media and proofs. Media instants are integers, microseconds since 1970."""

from typing import Annotated, Any, Literal

from pydantic import Field

from contract.body import Body, Count, Hash, Micros, Name


class SessionOpened(Body):
    """Recording of these cameras is due from now on, or from `from_us`."""

    sitting: Name
    rooms: list[str]
    cameras: list[str]
    from_us: Micros | None = None


class RecordingStarted(Body):
    """The recorder writes these cameras."""

    cameras: list[str]


class RecordingStopped(RecordingStarted):
    """Recording was due until now, or until `until_us`; everything before is in segments or declared gaps."""

    until_us: Micros | None = None


class SegmentFinalised(Body):
    """A final file that covers [`start_us`, `end_us`); (`worker`, `number`) counts reports (keeps I-11)."""

    camera: Name
    worker: Name
    number: Count
    file: Name
    start_us: Micros
    end_us: Micros
    bytes: Count
    sha256: Hash
    chain_first: Hash
    chain_last: Hash
    fragments: Count
    video_samples: Count
    audio_samples: Count
    lost: Count
    container: Literal["mp4", "mov"]


class GapDeclared(Body):
    """Seconds that should have been recorded and were not, with a cause key (keeps I-11)."""

    camera: Name
    worker: Name
    number: Count
    start_us: Micros
    end_us: Micros
    media: Literal["both", "video", "audio"]
    cause: Name


class LiveViewStarted(Body):
    """Somebody watches a camera (keeps I-16)."""

    view: Name
    watcher: Name
    camera: Name


class LiveViewEnded(LiveViewStarted):
    """The view is over."""


class CheckpointSigned(Body):
    """The edge signed the head of its journal: `size` records before this fact, hex `root`."""

    size: Count
    root: Hash
    note: Annotated[str, Field(min_length=1, max_length=65536)]


class CheckpointCosigned(Body):
    """Centre or witness cosigned a checkpoint (keeps I-8)."""

    size: Count
    by: Literal["centre", "witness"]
    note: Annotated[str, Field(min_length=1, max_length=65536)]


class CompletenessStated(Body):
    """The edge's reckoning (`contract.completeness.statement`), same shape as the centre's."""

    statement: dict[str, Any]


class SessionClosed(Body):
    """Last fact of a session: how many facts it had before this one, and the hash of the last of them."""

    sitting: Name
    count: Count
    last_hash: Hash


class EvidenceSent(Body):
    """The centre holds every segment of the session. Comes after the close: no session in the envelope."""

    session: Name
    segments: Count
    bytes: Count
