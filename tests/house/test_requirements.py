"""The table of what is proved: no duty without a test, no mark that names a duty there is not."""

import pytest

from tests.requirements_table import DUTIES, TESTS, known, marks, table

TWO = """
import pytest
pytestmark = [pytest.mark.fast, pytest.mark.req("I4")]
@pytest.mark.req("C4")
@pytest.mark.timeout(3)
async def test_one(): ...
class TestMore:
    @pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.req("M2"))])
    def test_two(self, x): ...
def not_a_test(): ...
"""


def test_every_duty_has_a_test_and_every_mark_a_duty() -> None:
    found = table(TESTS.rglob("test_*.py"))
    assert [duty for duty in DUTIES if not found[duty]] == []
    assert [duty for duty in found if not known(duty)] == []


def test_marks_are_read_as_pytest_reads_them() -> None:
    expected = {("C4", "test_one"), ("I4", "test_one"), ("M2", "test_two"), ("I4", "test_two")}
    assert set(marks(TWO)) == expected


@pytest.mark.parametrize("slip", ["C13", "C0", "Z1", "c4", "C", "", "I-1"])
def test_a_slip_is_seen(slip: str) -> None:
    assert not known(slip)
