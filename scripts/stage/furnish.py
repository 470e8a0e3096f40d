"""Sample data for a new demo: a register large enough to draw from. Plainly sample people with test pictures."""

import base64
from pathlib import Path

from scripts.stage.home import Stage
from scripts.stage.story.clients import Centre
from scripts.stage.story.people import SamplePerson, register_photo, sample_people

EXPERTS = 12


def entry(person: SamplePerson, pictures: Path) -> dict[str, object]:
    """What the pool keeper types in for one expert; without test pictures there is no photo, and a code is used."""
    photo = base64.b64encode(register_photo(pictures, person)).decode() if pictures.is_dir() else None
    return {
        "name": person.name,
        "id_number": person.id_number,
        "phone": person.phone,
        "specialties": ["A01"],
        "employer": "示例单位",
        "photo": photo,
    }


def furnish(stage: Stage) -> None:
    """Enter the sample experts as the pool keeper would."""
    keeper = Centre(stage.centre_url, "keeper", stage.accounts["keeper"]["password"])
    try:
        for person in sample_people(EXPERTS):
            keeper.post("/experts", entry(person, stage.cache / "pictures"))
    finally:
        keeper.close()
