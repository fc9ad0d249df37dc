"""Declare what Seamless services, caches and tunnels should be; converge to it, safely."""

__version__ = "0.1.0"
