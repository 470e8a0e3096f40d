"""Who walks through the story: plainly sample people with valid-looking numbers and public test pictures."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


@dataclass(frozen=True)
class SamplePerson:
    """A sample expert: what stands on the card, the phone, and which pictures show the face."""

    name: str
    id_number: str
    phone: str
    picture: str

    @property
    def card(self) -> dict[str, str]:
        """What the simulated card holds."""
        return {"name": self.name, "number": self.id_number}


def id_number(serial: int) -> str:
    """A number of region 000000 (never issued) with a right check digit (GB 11643-1999)."""
    body = f"000000{1965 + serial % 20}{1 + serial % 12:02d}{1 + serial % 28:02d}{serial % 1000:03d}"
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, _WEIGHTS, strict=True)) % 11]


def sample_people(count: int) -> list[SamplePerson]:
    """`count` sample experts; person n has the face of subject n of the picture set."""
    return [
        SamplePerson(f"示例专家{n:02d}", id_number(100 + n), f"1990000{n:04d}", f"s{n}")
        for n in range(1, count + 1)
    ]


def photo(pictures: Path, subject: str, number: int) -> bytes:
    """One picture as a camera would give it: grey 92 x 112 enlarged onto a 640 x 480 frame, JPEG."""
    grey = cv2.imread(str(pictures / subject / f"{number}.pgm"), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise FileNotFoundError(f"{pictures / subject / str(number)}.pgm: run scripts/setup")
    face = cv2.resize(grey, (322, 392), interpolation=cv2.INTER_CUBIC)
    frame = np.full((480, 640), int(grey[:4].mean()), np.uint8)
    frame[44 : 44 + 392, 159 : 159 + 322] = face
    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done
    return jpeg.tobytes()


def register_photo(pictures: Path, person: SamplePerson) -> bytes:
    """The photo in the register."""
    return photo(pictures, person.picture, 1)


def live_frames(pictures: Path, subject: str) -> list[bytes]:
    """Three other pictures of a subject, as the kiosk's camera would take them."""
    return [photo(pictures, subject, number) for number in (2, 3, 5)]
