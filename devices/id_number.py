"""Citizen identity numbers: GB 11643-1999 check digit and birth date.

A valid number proves nothing about a person.
"""

from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def check_digit(first17: str) -> str:
    """The 18th character for 17 ASCII digits."""
    total = sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True))
    return _CHECKS[total % 11]


def birth_date(number: str) -> date | None:
    """The date of birth in an 18-character number; None when it is no date."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def is_valid(number: str) -> bool:
    """Whether 18 characters form a number: ASCII digits, check digit, a birth date since 1900."""
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdecimal()):
        return False
    born = birth_date(number)
    return born is not None and born.year >= 1900 and check_digit(number[:17]) == number[17]
