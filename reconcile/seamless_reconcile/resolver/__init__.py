"""From a checked manifest to hosts, keys, paths and command lines: the one door to seamless-config."""

from seamless_reconcile.resolver.resolve import resolve, resolve_files

__all__ = ["resolve", "resolve_files"]
