"""What holds for every test: nothing is left running behind it, and hypothesis has one profile a purpose."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("campaign", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

GRACE_SECONDS = 3.0
POOLS = ("AnyIO worker thread", "asyncio_")
"""Idle workers of a library's pool: they end with their loop or the process and hold nothing of ours."""


def left_threads(before: set[threading.Thread]) -> list[str]:
    """Names of threads that run now and did not before."""
    now = [t for t in threading.enumerate() if t not in before and t.is_alive()]
    return [t.name for t in now if not t.name.startswith(POOLS)]


def left_children(before: set[int]) -> list[str]:
    """Child processes that run now and did not before."""
    now = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    return [" ".join(p.cmdline()) for p in now if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A test that leaves a thread or a child process behind fails."""
    threads, children = set(threading.enumerate()), {p.pid for p in psutil.Process().children(recursive=True)}
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := left_threads(threads) + left_children(children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left behind: {left}"


def left_tasks(before: set["asyncio.Task[object]"]) -> list[str]:
    """Names of asyncio tasks of the running loop that are not done."""
    return [
        t.get_name() for t in asyncio.all_tasks() - before if t is not asyncio.current_task() and not t.done()
    ]


@pytest.fixture
async def no_task_left_behind() -> AsyncIterator[None]:
    """A test that leaves an asyncio task behind fails."""
    before = asyncio.all_tasks()
    yield
    left = left_tasks(before)
    assert not left, f"left behind: {left}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Asynchronous tests watch their loop; the others have none, and a browser's must not be disturbed."""
    for item in items:
        if asyncio.iscoroutinefunction(getattr(item, "function", None)):
            item.fixturenames.insert(0, "no_task_left_behind")  # type: ignore[attr-defined]
