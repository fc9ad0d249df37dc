"""`run`: prove that a command really ran on cold caches, through the declared services.

`judge` compares two looks (pure), `trial` takes them around the command, `child` runs it, and
`pytest_cold` does the same around a pytest session.
"""
