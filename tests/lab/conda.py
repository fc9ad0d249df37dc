"""A conda that is just real enough: `conda activate ENV` puts an environment's programs on PATH.

`rhl-launch-service --conda-env` sources conda.sh and activates; `rhl-cache-conda` finds it the way it
finds a real one.
"""

from __future__ import annotations

import json
from pathlib import Path

ENVIRONMENT = "seamless"

_CONDA_SH = """\
# Stands in for conda's own etc/profile.d/conda.sh.
conda() {
    case "$1" in
    activate)
        case "${2:-base}" in
        base) _lab_env="@ROOT@" ;;
        *) _lab_env="@ROOT@/envs/$2" ;;
        esac
        if [ ! -d "$_lab_env/bin" ]; then
            echo "EnvironmentNameNotFound: Could not find conda environment: $2" >&2
            return 1
        fi
        PATH="$_lab_env/bin:$PATH"
        CONDA_DEFAULT_ENV="${2:-base}"
        export PATH CONDA_DEFAULT_ENV
        ;;
    info) echo "@ROOT@" ;;
    env) cat "@ROOT@/envs.json" ;;
    *) echo "conda: $1: not in this lab" >&2; return 2 ;;
    esac
}
"""

_BASHRC = """\
# If not running interactively, don't do anything
case $- in *i*) ;; *) return ;; esac
# >>> conda initialize >>>
if [ -f "@ROOT@/etc/profile.d/conda.sh" ]; then
    . "@ROOT@/etc/profile.d/conda.sh"
fi
# <<< conda initialize <<<
"""


def install(home: Path, programs: Path) -> str:
    """Put a conda into a home, its environment made of `programs`; gives what .bashrc should say."""
    root = home / "conda"
    (root / "bin").mkdir(parents=True)
    (root / "envs" / ENVIRONMENT).mkdir(parents=True)
    (root / "envs" / ENVIRONMENT / "bin").symlink_to(programs)
    script = root / "etc" / "profile.d" / "conda.sh"
    script.parent.mkdir(parents=True)
    script.write_text(_CONDA_SH.replace("@ROOT@", str(root)))
    environments = [str(root), str(root / "envs" / ENVIRONMENT)]
    (root / "envs.json").write_text(json.dumps({"envs": environments}))
    state = home / ".remote-http-launcher"
    state.mkdir(exist_ok=True)
    # What `rhl-cache-conda` writes.
    cache = {"conda_source": str(script), "conda_base": str(root), "envs": environments}
    (state / "conda-setup.json").write_text(json.dumps(cache, indent=2))
    return _BASHRC.replace("@ROOT@", str(root))
