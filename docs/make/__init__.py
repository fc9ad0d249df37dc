"""What is in the documents is made from the code: `python -m docs.make` writes it anew.

commands  the command line, as values
markdown  docs/reference/commands.md
man       docs/man/*.1
"""
