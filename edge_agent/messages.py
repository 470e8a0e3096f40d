"""The fixed texts that the edge sends: `config/messages/LANGUAGE.toml`, filled with parameters, nothing else."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from edge_agent.config_file import ConfigError


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
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be used ({error}); write the texts of that language") from error
    return Texts(_flat(content))


def _flat(content: dict[str, object], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, dict):
            found.update(_flat(value, f"{prefix}{key}."))
        else:
            found[prefix + key] = str(value)
    return found
