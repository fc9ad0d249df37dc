from __future__ import annotations

from lab.fixtures import lab, lab_env

__all__ = ["lab", "lab_env"]
