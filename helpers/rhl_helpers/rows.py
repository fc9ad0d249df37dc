"""What the helpers print, as models.

Everything here comes from a host and is untrusted: a row that does not look like the protocol
becomes a `MalformedRow` instead of an exception, so that one bad file never hides the others.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

MAX_PID = 2**31 - 1
MAX_PORT = 65535


def _no_bool(value: Any) -> Any:
    """Refuse JSON true where a number is meant: Python would take it for 1."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not a number")  # noqa: TRY004 - pydantic wants ValueError
    return value


Port = Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=MAX_PORT, strict=True)]
# 0 would signal the caller's own process group, 1 is init: never a service (see `rhl-stop`).
Pid = Annotated[int, BeforeValidator(_no_bool), Field(gt=1, le=MAX_PID, strict=True)]


class ServerRow(BaseModel):
    """One service as `rhl-ps --json` or `rhl-inspect` shows it.

    `status` is the helper's reading (running becomes stale when the pid is gone), `json_status`
    what the file says, `live` whether the pid exists (None: not looked at).
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    key: str = Field(pattern=r"^[A-Za-z0-9._-]+$", max_length=255)
    status: str = "failed"
    json_status: str | None = None
    live: bool | None = None
    pid: Pid | None = None
    port: Port | None = None
    workdir: str | None = None
    log: str | None = None
    command: str | None = None
    network_interface: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    meta: dict[str, Any] = Field(default_factory=dict)
    dry_run: bool = False

    @property
    def extra_ports(self) -> dict[str, int]:
        """Further ports the service wrote (`dashboard_port`), by name."""
        extra = self.model_extra or {}
        return {
            name: value
            for name, value in extra.items()
            if name.endswith(("_port", "-port")) and type(value) is int and 0 < value <= MAX_PORT
        }


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A state file that is there but is not what the protocol says.

    `pid` and `port` are whatever plausible numbers could still be read from it; `live` is what the
    helper said of its process, if it could.
    """

    key: str
    reason: str
    pid: int | None = None
    port: int | None = None
    live: bool | None = None


class PersistentRow(BaseModel):
    """One directory as `rhl-ps-persistent --json` shows it; `size` in bytes, `modified` host-local."""

    model_config = ConfigDict(frozen=True)

    path: str
    state: Literal["absent", "empty", "populated"]
    size: int | None = None
    modified: str | None = None


class StampedState(BaseModel):
    """A state file with its modification time (seconds, the host's clock)."""

    model_config = ConfigDict(frozen=True)

    mtime: float
    data: dict[str, Any]


def _plausible(value: Any, low: int, high: int) -> int | None:
    return value if type(value) is int and low <= value <= high else None


def server_row(data: Any, *, key: str | None = None) -> ServerRow | MalformedRow:
    """Decode one row; `key` overrides the row's own (as `rhl-inspect` prints none)."""
    if not isinstance(data, dict):
        return MalformedRow(key or "?", "not a JSON object")
    name = key if key is not None else data.get("key")
    if not isinstance(name, str):
        return MalformedRow("?", "a row without a key")
    try:
        return ServerRow.model_validate({**data, "key": name})
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return MalformedRow(
            name,
            f"{where}: {first['msg']}",
            pid=_plausible(data.get("pid"), 2, MAX_PID),
            port=_plausible(data.get("port"), 1, 65535),
            live=data.get("live") if isinstance(data.get("live"), bool) else None,
        )


def json_lines(text: str) -> list[Any]:
    """Parse NDJSON, leaving out what a login script printed before it.

    A message without a line end stands right before the first row: that row must not get lost (S2).

    Raises:
        ValueError: if a line that looks like a row is not one, or the last line is cut off.
    """
    values: list[Any] = []
    for line in text.splitlines(keepends=True):
        stripped = line.strip()
        row = stripped if values else stripped[max(stripped.find('{"'), 0) :]
        # A whole line that ends in something else is a message with braces in it, not a row.
        whole = row.endswith("}") or not line.endswith("\n")
        if not row.startswith("{") or not (values or whole):
            # Login messages precede the rows; after the first row nothing else may stand.
            if stripped and values:
                raise ValueError("text after the first JSON row")
            continue
        try:
            values.append(json.loads(row))
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"not JSON: {exc}") from None
    return values
