"""Text messages: done, refused, unknown, and never sent twice."""

from pathlib import Path

import pytest
from small_site import mono_us, write_plan

from devices.ports import HealthState, Result
from devices.sms_http import HttpTextMessages
from tests.simulated import simulated_venue

GATEWAY = """
[[devices]]
id = "messages"
class = "text_messages"
driver = "sms_http"
endpoint = "http://127.0.0.1:1/messages"
"""


@pytest.mark.req("V5")
def test_three_results(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    plan.write_text(plan.read_text(encoding="utf-8") + GATEWAY, encoding="utf-8")
    with simulated_venue(plan, tmp_path) as sim:
        gateway = HttpTextMessages(
            "messages", f"http://127.0.0.1:{sim.sms_port}/messages", mono_us, timeout_s=0.5
        )
        assert gateway.send("19900000001", "123456") is Result.DONE
        sim.fault("messages", wrong=True)
        assert gateway.send("19900000001", "1") is Result.REFUSED
        sim.fault("messages", wrong=False, mute=True)
        assert gateway.send("19900000002", "2") is Result.UNKNOWN
        sim.fault("messages", mute=0, dead=True)
        assert gateway.send("19900000003", "3") is Result.UNKNOWN
        assert [m["text"] for m in sim.get("/messages", phone="19900000001")] == ["123456"]
        assert [m["text"] for m in sim.get("/messages")] == ["123456", "2"]
        assert gateway.health().state is HealthState.DEGRADED
        assert "19900000001" not in (tmp_path / "sim" / "wire.jsonl").read_text(encoding="utf-8")
        gateway.stop()


def test_nobody_listens() -> None:
    gateway = HttpTextMessages("messages", "http://127.0.0.1:9/messages", mono_us)
    assert gateway.send("19900000001", "1") is Result.REFUSED
    assert gateway.health().state is HealthState.OFFLINE
    gateway.stop()
