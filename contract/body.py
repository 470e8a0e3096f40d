"""What every body model shares: frozen, unknown fields kept, and a few field types."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from contract.clock import parse_stamp


def _is_stamp(text: str) -> str:
    parse_stamp(text)
    return text


Stamp = Annotated[str, AfterValidator(_is_stamp)]
"""RFC 3339 UTC with six decimals and `Z`, kept as text so that bytes survive a round trip."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Micros = Annotated[int, Field(ge=0, lt=1 << 53)]
Count = Annotated[int, Field(ge=0, lt=1 << 53)]
Result = Literal["done", "refused", "unknown"]
Params = dict[str, Any]


class Body(BaseModel):
    """A border model. A newer writer's extra fields are kept (`extra="allow"`), never dropped."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    def wire(self) -> dict[str, Any]:
        """The body as it travels: aliases, and only the fields that were given."""
        return self.model_dump(by_alias=True, exclude_unset=True, mode="json")

    @classmethod
    def read(cls, body: object) -> Self:
        """From JSON values; raises pydantic.ValidationError."""
        return cls.model_validate(body)
