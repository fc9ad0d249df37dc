"""Write a manifest of what is there, such that planning with it finds everything in sync.

What comes from a host is a hint, never a fact: an identity counts once resolving it, by the code that
resolves manifests, gives the key and the host it was found under; and the text counts once reading,
resolving, observing and planning it has found nothing to do.

values       what was found, the ways to write it, what became of it
guesses      identities that a state file or a key hints at
identities   which of them resolve to what was found
launchers    a service as `type: launcher`, where no identity fits
names        short names, each once
scalars      YAML that says exactly what it should, whatever comes from a host
text         the manifest
gather       look at hosts, list what there is
settle       write, read back, observe, plan; change or comment out what is not in sync
report       what is told of it
reaching     the same on the real world
"""
