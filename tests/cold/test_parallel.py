"""manifests/ci-isolated-stage.yaml as it is shipped: two runs at once, each cleaned up by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("cold-parallel")]

MANIFEST = Path(__file__).parents[2] / "manifests" / "ci-isolated-stage.yaml"


@pytest.fixture(scope="module")
def runner(user):
    """A CI runner: its home knows the manifest's cluster."""
    user.clusters(yaml.safe_load(MANIFEST.read_text())["clusters"])
    user.project("myproject", "ci", execution="process")
    user.write("one two three\n", "words.txt")
    return user


def stage(user, kind, number):
    return user.home / "seamless-ci" / kind / "myproject" / f"STAGE-ci-{number}"


def stored(user, number):
    """Give what lies in the caches of a run."""
    return [path.name for kind in ("buffers", "databases") for path in stage(user, kind, number).iterdir()]


def test_two_runs_at_once_do_not_disturb_each_other(runner):
    compute = ("seamless-run", "--stage", "ci-{}", "wc", "-w", "words.txt")
    runs = [
        runner.start(
            "seamless-reconcile", "run", "--yes", "-f", MANIFEST, "--certificate", f"{number}.json", "--",
            *(word.format(number) for word in compute), env={"CI_RUN_ID": str(number)},
        )
        for number in (1, 2)
    ]  # fmt: skip
    for number, run in enumerate(runs, start=1):
        done = run.end()
        assert (done.returncode, done.stdout) == (0, "3 words.txt\n"), done.stderr
        told = json.loads((runner.folder / f"{number}.json").read_text())
        assert told["finding"] == "genuine"
        assert told["cleared"] == []
        assert {Path(cache["path"]).name for cache in told["caches"]} == {f"STAGE-ci-{number}"}
    # One cleans up: its services and data are gone, the other's are where they were.
    kept = stored(runner, 2)
    runner.sr("apply", "--yes", "-f", MANIFEST, env={"CI_RUN_ID": "1", "CI_SERVICES": "absent"})
    assert stored(runner, 1) == []
    assert stored(runner, 2) == kept != []
    left = {path.stem for path in runner.site.server.glob("*.json")}
    kinds = ("hashserver", "database", "jobserver")
    assert left == {f"{kind}-ci-rw-myproject--STAGE-ci-2" for kind in kinds}
