"""Prints the demo's sample experts: number, name, phone. `python -m scripts.stage.people`."""

from scripts.stage.furnish import EXPERTS
from scripts.stage.story.people import sample_people


def main() -> None:
    """One line a person."""
    for person in sample_people(EXPERTS):
        print(person.id_number, person.name, person.phone)


if __name__ == "__main__":
    main()
