"""Field types of the manifest's models: each is text that a rule has checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from seamless_reconcile.manifest import rules

# A string that holds a reference to the environment is not known before it is read.
REFERENCE = r"\$\{"


def _check(fault: Callable[[str], str | None]) -> AfterValidator:
    def check(text: str) -> str:
        wrong = fault(text)
        if wrong:
            raise PydanticCustomError("rule", "{wrong}", {"wrong": wrong})
        return text

    return AfterValidator(check)


def _text(pattern: str, *, longest: int) -> WithJsonSchema:
    """Describe a text in the JSON Schema: the pattern, or something with a reference in it."""
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$|{REFERENCE}", "maxLength": longest})


Name: TypeAlias = Annotated[str, _check(rules.name_fault), _text(rules.NAME_PATTERN, longest=rules.MAX_NAME)]
KeyName: TypeAlias = Annotated[
    str,
    _check(rules.name_fault),
    # A key: no references to the environment in it.
    WithJsonSchema({"type": "string", "pattern": f"^{rules.NAME_PATTERN}$", "maxLength": rules.MAX_NAME}),
]
Subproject: TypeAlias = Annotated[
    str,
    _check(rules.subproject_fault),
    _text(rf"{rules.NAME_PATTERN}(/{rules.NAME_PATTERN})*", longest=rules.MAX_NAME),
]
HostPath: TypeAlias = Annotated[
    str, _check(rules.path_fault), _text(rules.PATH_PATTERN, longest=rules.MAX_PATH)
]
Marker: TypeAlias = Annotated[
    str, _check(rules.marker_fault), _text(rules.MARKER_PATTERN, longest=rules.MAX_NAME)
]
Epoch: TypeAlias = Annotated[
    str, _check(rules.epoch_fault), _text(rules.EPOCH_PATTERN, longest=rules.MAX_NAME)
]
Conda: TypeAlias = Annotated[
    str, _check(rules.conda_fault), _text(rules.CONDA_PATTERN, longest=rules.MAX_PATH)
]
HostName: TypeAlias = Annotated[str, _check(rules.host_fault)]
UrlPath: TypeAlias = Annotated[str, _check(rules.url_path_fault)]


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        found = rules.seconds(value)
        if found is None:
            raise PydanticCustomError("duration", "must be seconds, or a time such as '90s', '10m', '1h30m'")
        value = found
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 < value <= rules.MAX_SECONDS:
            raise PydanticCustomError("duration", "must be more than 0 and at most a year")
        return float(value)
    raise PydanticCustomError("duration", "must be seconds, or a time such as '90s', '10m', '1h30m'")


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": rules.MAX_SECONDS},
                {"type": "string", "pattern": rf"^(\d+h)?(\d+m)?(\d+s?)?$|{REFERENCE}"},
            ]
        }
    ),
]

Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Mode: TypeAlias = Literal["rw", "ro"]


class Strict(BaseModel):
    """A mapping with known fields only, and no conversions between types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
