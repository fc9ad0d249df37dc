"""The shape of cluster definitions, as seamless-config reads them.

What reaches a template, a command line or ssh is checked strictly; what only travels along as a
queue's parameters is left to seamless-config.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from seamless_reconcile.manifest.fields import Conda, HostName, HostPath, KeyName, Name, Port, Strict

Plain: TypeAlias = str | int | float | bool | None


class _Tool(Strict):
    conda: Conda | None = Field(default=None, description="The conda environment the service runs in.")
    network_interface: HostName | None = Field(
        default=None, description="The interface the service listens on."
    )
    port_start: Port | None = Field(default=None, description="First port of the range.")
    port_end: Port | None = Field(default=None, description="Last port of the range.")

    @model_validator(mode="after")
    def _range(self) -> _Tool:
        if (self.port_start is None) != (self.port_end is None):
            raise PydanticCustomError("ports", "port_start and port_end must both be set or both be left out")
        if self.port_start is not None and self.port_end is not None and self.port_start > self.port_end:
            raise PydanticCustomError("ports", "port_start is larger than port_end")
        return self


class HashserverModel(_Tool):
    """A frontend's hashserver."""

    bufferdir: HostPath = Field(description="Holds the buffers, a directory for each project.")


class DatabaseModel(_Tool):
    """A frontend's database."""

    database_dir: HostPath = Field(description="Holds the databases, a directory for each project.")


class JobserverModel(Strict):
    """A frontend's jobserver."""

    conda: Conda | None = Field(description="The conda environment the service runs in, or null.")
    network_interface: HostName = Field(description="The interface the service listens on.")
    port_start: Port = Field(description="First port of the range.")
    port_end: Port = Field(description="Last port of the range.")


class DaskserverModel(Strict):
    """A frontend's Dask server; its conda environment is the queue's."""

    network_interface: HostName = Field(description="The interface the service listens on.")
    port_start: Port = Field(description="First port of the range.")
    port_end: Port = Field(description="Last port of the range.")


class FrontendModel(Strict):
    """A machine of the cluster that services run on."""

    hostname: HostName | None = Field(default=None, description="The machine's address.")
    ssh_hostname: HostName | None = Field(
        default=None, description="The machine's ssh name, if it is another."
    )
    hashserver: HashserverModel | None = None
    database: DatabaseModel | None = None
    jobserver: JobserverModel | None = None
    daskserver: DaskserverModel | None = None


def _underscored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("-", "_") if isinstance(key, str) else key: item for key, item in value.items()}
    return value


def _both_spellings(schema: dict[str, Any]) -> None:
    known = schema["properties"]
    known |= {name.replace("_", "-"): dict(value) for name, value in known.items()}


class QueueModel(Strict):
    """A queue of the cluster; fields may be written with `-` or `_`."""

    model_config = ConfigDict(json_schema_extra=_both_spellings)

    TEMPLATE: str | None = Field(
        default=None, description="Another queue, defined above, that this one starts from."
    )
    conda: Conda | None = None
    walltime: Plain = None
    memory: Plain = None
    unknown_task_duration: Plain = None
    target_duration: Plain = None
    maximum_jobs: Plain = None
    lifetime_stagger: Plain = None
    lifetime: Plain = None
    interactive: Plain = None
    exclusive: Plain = None
    project: Plain = None
    partition: Plain = None
    tmpdir: Plain = None
    worker_threads: Plain = None
    processes: Plain = None
    cores: Plain = None
    job_cores: Plain = None
    extra_dask_config: dict[str, Any] | None = None
    job_extra_directives: list[Plain] | None = None
    dask_resources: dict[str, Plain] | None = None


class ClusterModel(Strict):
    """One cluster."""

    frontends: list[FrontendModel] = Field(description="The machines that services run on.")
    tunnel: bool | None = Field(
        default=None, description="Whether services are reached through ssh forwards."
    )
    type: Literal["local", "slurm", "oar"] | None = None
    workers: int | None = Field(default=None, ge=1, description="How many workers a jobserver gets.")
    memory_per_core_property_name: str | None = None
    queues: dict[KeyName, Annotated[QueueModel, BeforeValidator(_underscored)]] | None = None
    default_queue: Name | None = None


class ClustersModel(BaseModel):
    """Cluster definitions by name, and which of them is this machine."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, ClusterModel] = Field(init=False)

    local_cluster: Name | None = Field(default=None, description="The cluster that is this machine itself.")


CLUSTER_SHAPES: tuple[tuple[tuple[str, ...], type[BaseModel]], ...] = (
    (("*",), ClusterModel),
    (("*", "frontends", "*"), FrontendModel),
    (("*", "frontends", "*", "hashserver"), HashserverModel),
    (("*", "frontends", "*", "database"), DatabaseModel),
    (("*", "frontends", "*", "jobserver"), JobserverModel),
    (("*", "frontends", "*", "daskserver"), DaskserverModel),
    (("*", "queues", "*"), QueueModel),
)
"""Which model describes the mapping at a path below `clusters`; `*` stands for any name or index."""
