"""Run a command in a terminal of its own, answer its question, print all that appeared there.

    terminal.py COLUMNS ANSWER COMMAND...

ANSWER is typed once the command asks, or has said what LAB_PROMPT holds; an empty one is typed never.
Before that LAB_MEANWHILE, a bit of shell, is run. A script, so that what the command leaves running
belongs to whoever keeps this.
"""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

PROMPT = b"[y/N] "


def main() -> int:
    """Run the command and give its exit code."""
    columns, answer, argv = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    pid, terminal = pty.fork()
    if not pid:
        # Whoever starts this script may ignore it, which the command would inherit.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        os.execvp(argv[0], argv)  # noqa: S606 - the point of this script
    shown, answered = b"", not answer
    while data := _read(terminal):
        shown += data
        if not answered and _asked(shown):
            answered = True
            subprocess.run(["sh", "-c", os.environ.get("LAB_MEANWHILE", "")], check=True)
            os.write(terminal, b"\x03" if answer == "^C" else answer.encode() + b"\n")
    sys.stdout.buffer.write(shown)
    sys.stdout.buffer.flush()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _asked(shown: bytes) -> bool:
    said = os.environ.get("LAB_PROMPT", "").encode()
    return said in shown if said else shown.rstrip(b"\r").endswith(PROMPT)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody has it open any more
        return b""


if __name__ == "__main__":
    sys.exit(main())
