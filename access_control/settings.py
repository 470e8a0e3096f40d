"""The figures of the rules. Whole seconds and counts; the edge reads them from its configuration."""

from dataclasses import dataclass

RULE_VERSION = "passage-1"
"""Stated in every grant; changes when a rule of this package changes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Freshness limits keep I-4; the 5-minute way to the room is the trade's own rule (features D)."""

    card_fresh_s: int = 5
    gate_fresh_s: int = 60
    gate_event_fresh_s: int = 5
    door_event_fresh_s: int = 10
    locker_event_fresh_s: int = 10
    exit_fresh_s: int = 30
    face_fresh_s: int = 30
    room_minutes: int = 5
    unlock_grace_s: int = 3
    """How long after the end of an unlock a contact may still report the opening."""
    result_timeout_s: int = 10
    """An act whose answer did not come by then is unknown (keeps I-5)."""
    lane_timeout_s: int = 120
    kiosk_idle_s: int = 60
    message_s: int = 8
    """How long a kiosk shows an answer that belongs to nobody."""
    locker_settle_s: int = 3
    """How long after a doubtful opening a locker may still report itself open."""
    locker_left_open_s: int = 90
    face_tries: int = 3
    pin_tries: int = 3
    pin_sends: int = 3
    pin_digits: int = 6
    pin_valid_s: int = 300
    pin_pause_s: int = 20
    """Between two codes to one person."""
    gate_tries: int = 3
    too_early_horizon_s: int = 12 * 3600
