"""Receipts, and requests with replies (MQTT 5 correlation): answered at once or not at all, never queued."""

from typing import Any, Literal

from contract.body import Body, Count, Hash, Name


class Receipt(Body):
    """Payload of a `receipt` envelope: the centre holds every record up to `seq`, whose hash is `head`
    (keeps I-7).

    `note`: the newest checkpoint note with the centre's cosignature, or null.
    """

    seq: Count
    head: Hash
    note: str | None = None


class Status(Body):
    """Retained telemetry with a last will; never journalled."""

    online: bool
    boot: str | None = None


class Request(Body):
    """Any request; `kind` says which."""

    kind: Name


class Reply(Body):
    """Any reply; `error` is a key when not `ok`."""

    ok: bool
    error: str | None = None


class LiveOffer(Request):
    """Watch a camera: the browser's SDP offer goes to the worker that owns it."""

    kind: Literal["live_offer"] = "live_offer"
    view: Name
    camera: Name
    sdp: str
    watcher: str | None = None


class LiveOfferReply(Reply):
    """The worker's SDP answer."""

    sdp: str | None = None


class LiveEnd(Request):
    """Stop a view."""

    kind: Literal["live_end"] = "live_end"
    view: Name


class ReceiptRequested(Request):
    """The edge asks where to resume; the answer is a signed receipt."""

    kind: Literal["receipt_requested"] = "receipt_requested"


class ReceiptRequestedReply(Reply):
    """The receipt's sealed envelope."""

    receipt: dict[str, Any] | None = None


class DrawCommit(Request):
    """Ask the witness for the commitment of its share of a draw."""

    kind: Literal["draw_commit"] = "draw_commit"
    draw: Name
    pool_commitment: Hash


class DrawCommitReply(Reply):
    """SHA-256 over the prefix, draw, holder and share."""

    commitment: str | None = None


class DrawReveal(Request):
    """All commitments are in: ask for the share itself."""

    kind: Literal["draw_reveal"] = "draw_reveal"
    draw: Name
    commitments: list[str]


class DrawRevealReply(Reply):
    """The share, 32 bytes as hex."""

    share: str | None = None
