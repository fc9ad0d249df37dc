"""Fuzz one target for as long as you like: `python tests/fuzz/run.py TARGET [libFuzzer options]`.

Needs atheris (`pip install --group fuzz`). Begins with `tests/fuzz/corpus/TARGET`; what it finds on the way
is kept in `.fuzz/TARGET`, an input that breaks something in `crash-*` here. Put that into the corpus:
from then on every run of the tests tries it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

with atheris.instrument_imports(include=["seamless_reconcile", "rhl_helpers", "yaml"]):
    from fuzz.targets import MAX_INPUT, TARGETS


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        raise SystemExit(f"usage: run.py {{{','.join(TARGETS)}}} [-max_total_time=SECONDS …]")
    name = sys.argv.pop(1)
    found = Path(".fuzz") / name
    found.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_len={MAX_INPUT}", "-timeout=5", "-rss_limit_mb=1024"]
    atheris.Setup(
        [sys.argv[0], *limits, *sys.argv[1:], str(found), str(HERE / "corpus" / name)], TARGETS[name]
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
