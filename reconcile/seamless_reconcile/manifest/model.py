"""The shape of a manifest: these models check it, and are the source of its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from seamless_reconcile.manifest.clusters import CLUSTER_SHAPES, ClustersModel
from seamless_reconcile.manifest.fields import (
    Conda,
    Duration,
    Epoch,
    HostName,
    HostPath,
    KeyName,
    Marker,
    Mode,
    Name,
    Strict,
    Subproject,
    UrlPath,
)

STATES = ("running", "stopped", "absent")
CACHE_STATES = ("keep", "cold", "warm")


def _with_short_form(schema: JsonSchemaValue, values: tuple[str, ...]) -> JsonSchemaValue:
    short = {"enum": list(values), "description": f"Short form of {{state: {values[0]}}} and so on."}
    return {"anyOf": [short, schema]}


class IdentityModel(Strict):
    """Which deployment a service belongs to."""

    cluster: Name | None = Field(
        default=None,
        description="A cluster of ~/.seamless/clusters*.yaml or of `clusters`.",
        examples=["mycluster"],
    )
    project: Name | None = Field(default=None, description="The Seamless project.", examples=["myproject"])
    subproject: Subproject | None = Field(default=None, description="The subproject; null for none.")
    stage: Name | None = Field(default=None, description="The stage; null for none.", examples=["fingertip"])
    substage: Name | None = Field(default=None, description="The substage, for job execution; null for none.")
    mode: Mode | None = Field(default=None, description="Read-write (the default) or read-only.")
    queue: Name | None = Field(default=None, description="The cluster's queue, for Dask servers.")
    frontend: HostName | None = Field(
        default=None, description="The `hostname` of one of the cluster's frontends."
    )


class CacheModel(Strict):
    """What a service's cache should be."""

    state: Literal["keep", "cold", "warm"] = Field(
        default="keep",
        description="keep: never touched. cold: holds no results. warm: an assertion that it holds results.",
    )
    epoch: Epoch | None = Field(
        default=None,
        description="With cold: cleared since this epoch; a cache that was warmed within it is in sync.",
        examples=["2026-11-23", "${CI_RUN_ID}"],
    )
    path: HostPath | None = Field(
        default=None, description="The directory, where it is not the service's own."
    )
    marker: Marker | None = Field(
        default=None, description="The file that makes the directory clearable.", examples=[".rhl-clearable"]
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"state": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the short form too."""
        return _with_short_form(handler(core_schema), CACHE_STATES)


class HandshakeModel(Strict):
    """How a service is asked whether it is well."""

    path: UrlPath = Field(default="", description="The path of the URL.")
    port_name: Name | None = Field(
        default=None, description="The port's name in the service's status file, where it is not `port`."
    )


def _one_or_more(schema: dict[str, Any]) -> None:
    many = {"type": schema.pop("type"), "items": schema.pop("items")}
    schema["anyOf"] = [{"type": "string"}, many]


def _path_or_more(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": "string"}, {"$ref": schema.pop("$ref")}]


def _handshake_short_form(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


class LauncherModel(Strict):
    """The launcher's own configuration, for a service that is not one of Seamless."""

    workdir: HostPath = Field(description="Where it runs.", examples=["/data/x"])
    key: Name = Field(description="The launcher's key: names its state file and log.", examples=["my-x"])
    command: str = Field(
        description="The command line. {status_file}, {workdir}, {key}, {hostname}, {network_interface} and "
        "{timeout} are filled in; nothing is evaluated.",
        examples=["x --status-file {status_file}"],
    )
    handshake: Annotated[HandshakeModel, BeforeValidator(_handshake_short_form)] = Field(
        description="The path that answers 200 when the service is well.",
        examples=["healthcheck"],
        json_schema_extra=_path_or_more,
    )
    hostname: HostName | None = Field(
        default=None, description="The machine's address; this machine if left out."
    )
    ssh_hostname: HostName | None = Field(
        default=None, description="The machine's ssh name, if it is another."
    )
    tunnel: bool = Field(default=False, description="Whether it is reached through an ssh forward.")
    conda: Conda | None = Field(default=None, description="The conda environment it runs in.")
    network_interface: HostName | None = Field(default=None, description="The interface it listens on.")
    file_parameters: dict[str, Any] | None = Field(
        default=None, description="What goes into `parameters` of its status file."
    )


class ServiceModel(IdentityModel):
    """One service, its cache and its tunnel."""

    type: (
        Literal[
            "hashserver",
            "database",
            "jobserver",
            "daskserver",
            "pure_daskserver",
            "pure-daskserver",
            "launcher",
        ]
        | None
    ) = Field(default=None, description="What it is; the service's name if left out.")
    state: Literal["running", "stopped", "absent"] = Field(
        default="running",
        description="running; stopped: no live process, state file and log kept; absent: state removed too.",
    )
    cache: CacheModel | None = Field(
        default=None, description="What its cache should be; `keep` if left out."
    )
    tunnel: Literal["auto", "open", "closed"] = Field(
        default="auto",
        description="The connection from here; auto: open where the service should run.",
    )
    idle_timeout: Duration | None = Field(
        default=None,
        description="How long it may idle before it exits by itself; 10 minutes if left out.",
        examples=["10m", 3600],
    )
    depends_on: Annotated[
        list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
    ] = Field(
        default_factory=list,
        description="Services it needs, beyond the implied ones.",
        json_schema_extra=_one_or_more,
    )
    protect: bool = Field(default=False, description="Never stop, clear or remove it.")
    launcher: LauncherModel | None = Field(
        default=None, description="With `type: launcher` only, and required there."
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"state": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Describe the short form too."""
        return _with_short_form(handler(core_schema), STATES)


def _whole(value: Any) -> Any:
    # To Python, true and 1.0 are 1.
    return str(value).lower() if isinstance(value, bool | float) else value


class ManifestModel(Strict):
    """What each service, cache and tunnel should be."""

    version: Annotated[Literal[1], BeforeValidator(_whole)] = Field(description="The manifest's format.")
    defaults: IdentityModel = Field(
        default=IdentityModel(), description="Identity fields for all services of this file."
    )
    services: dict[KeyName, ServiceModel] = Field(default_factory=dict, description="The services, by name.")
    clusters: ClustersModel = Field(
        default=ClustersModel(),
        description="Cluster definitions, the same shape as clusters.yaml; they win over the home files.",
    )


SHAPES: tuple[tuple[tuple[str, ...], type[BaseModel]], ...] = (
    ((), ManifestModel),
    (("defaults",), IdentityModel),
    (("services", "*"), ServiceModel),
    (("services", "*", "cache"), CacheModel),
    (("services", "*", "launcher"), LauncherModel),
    (("services", "*", "launcher", "handshake"), HandshakeModel),
    *((("clusters", *shape), model) for shape, model in CLUSTER_SHAPES),
)
"""Which model describes the mapping at a path; `*` stands for any name or index."""
