"""How the rhl-* helpers of remote-http-launcher speak, and how to reach a host.

Nothing here knows manifests, plans or desired states.
"""
