"""Settings of the recorder. A TOML file gives what differs; an unknown key is refused."""

from pydantic import BaseModel, ConfigDict, Field


class RecorderSettings(BaseModel):
    """Lengths in seconds; `*_us` and `*_ticks` below are what the code counts in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    worker: str = Field(default="rec-1", pattern=r"^[a-z0-9-]{1,24}$")
    segment_s: float = Field(default=60, ge=1, le=600)
    fragment_s: float = Field(default=0.3, gt=0, le=0.36)
    silence_s: float = Field(default=1.0, ge=0.5, le=10)
    """No picture (or sound) for longer than this is a gap."""
    gap_report_s: float = Field(default=30, ge=1)
    cut_patience_s: float = Field(default=2.5, ge=0.5)
    reconnect_s: float = Field(default=5, ge=2)
    """A connection that has sent nothing for this long is given up."""
    sweep_ms: int = Field(default=100, ge=10, le=100)
    watched_sweep_ms: int = Field(default=20, ge=10, le=100)
    live_addresses: tuple[str, ...] = ("127.0.0.1",)
    max_cameras: int = Field(default=32, ge=1, le=32)

    @property
    def segment_us(self) -> int:
        """Length of a segment."""
        return round(self.segment_s * 1e6)

    @property
    def fragment_ticks(self) -> int:
        """Shortest full fragment, in ticks of 90 kHz."""
        return round(self.fragment_s * 90_000)

    @property
    def silence_us(self) -> int:
        """See `silence_s`."""
        return round(self.silence_s * 1e6)

    @property
    def idle_flush_us(self) -> int:
        """Write what is whole when no picture came for this long."""
        return 450_000

    @property
    def gap_report_us(self) -> int:
        """A gap that goes on is declared in parts of this length."""
        return round(self.gap_report_s * 1e6)

    @property
    def cut_patience_us(self) -> int:
        """How long a cut or a stop waits for the keyframe that would make it exact."""
        return round(self.cut_patience_s * 1e6)
