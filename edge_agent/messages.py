"""The fixed texts that the edge sends: `config/messages/LANGUAGE.toml`, filled with parameters, nothing else."""

from dataclasses import dataclass
from pathlib import Path

from contract.config_file import read_table


@dataclass(frozen=True, slots=True)
class Texts:
    """Templates by key, in one language."""

    templates: dict[str, str]

    def text(self, key: str, **params: object) -> str:
        """The filled text; KeyError when key or parameter is missing."""
        return self.templates[key].format_map(params)


def load_texts(folder: Path, language: str) -> Texts:
    """Read one language. Raises ConfigError."""
    path = folder / f"{language}.toml"
    return Texts(_flat(read_table(path)))


def _flat(content: dict[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = str(value)
    return found
