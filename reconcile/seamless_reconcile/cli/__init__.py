"""The command line: one module a command, imported when it is used.

main      the program: which commands there are, and how it ends
lazy      commands that are imported when they are used
options   what all commands share
output    stdout is the result, stderr is progress and diagnostics
failures  what can go wrong, as exit codes and lines for people
session   from options to a session of the workflow
interrupt Ctrl-C: finish the action in hand, then stop
"""
