"""`seamless-reconcile demo`: the whole story on this machine, in a throw-away folder, every step real.

files     what is written into the folder: a cluster of this machine, a project, two manifests
stage     the folder, its own HOME, running commands there, and leaving nothing behind
story     the chapters: what is done, and what must come of it
narrator  what the reader sees
"""
