"""How fast it is, next to what a user would do otherwise: `python -m benchmarks` (docs/performance.md)."""
