"""The guard of every test finds a thread, a child process and a task that was left behind."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"
LEAKS = {
    "thread": (
        "import threading\ndef test_leak():\n"
        "    threading.Thread(target=threading.Event().wait, args=(9,), daemon=True).start()\n"
    ),
    "child": "import subprocess\nkept = []\ndef test_leak():\n    kept.append(subprocess.Popen(['sleep', '9']))\n",
    "task": (
        "import asyncio\nasync def test_leak():\n"
        "    asyncio.get_running_loop().create_task(asyncio.sleep(9), name='left')\n"
        "    await asyncio.sleep(0)\n"
    ),
    "nothing": "def test_leak():\n    pass\n",
}


@pytest.mark.parametrize(
    ("what", "fails"), [("thread", True), ("child", True), ("task", True), ("nothing", False)]
)
def test_a_leak_is_found(tmp_path: Path, what: str, fails: bool) -> None:
    (tmp_path / "conftest.py").write_text(
        CONFTEST.read_text().replace("GRACE_SECONDS = 3.0", "GRACE_SECONDS = 0.3")
    )
    (tmp_path / "test_it.py").write_text(LEAKS[what])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-o",
        "asyncio_mode=auto",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert (done.returncode != 0) == fails, done.stdout
    assert ("left behind" in done.stdout) == fails
