"""Every command of this program that a document shows is one that the program takes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from seamless_reconcile.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page for page in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]) if page.name != "commands.md"
]
SHELL = re.compile(r"^ *```(?:sh|console|yaml)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(seamless-reconcile [a-z][^`\n]*)`")
PROGRAM = re.compile(r"(?<![\w./-])(?:\.venv/bin/)?seamless-reconcile (?=[a-z])")


def lines(page: Path) -> Iterator[str]:
    """Give every line that stands for a command line, without prompts."""
    text = page.read_text()
    for block in SHELL.findall(text):
        # A line that ends in a backslash goes on.
        yield from block.replace("\\\n", " ").splitlines()
    yield from (found.replace("\\|", "|") for found in INLINE.findall(text))


def calls(page: Path) -> Iterator[list[str]]:
    """Give the words of each call; what is left open by dots or brackets is no call."""
    for line in lines(page):
        for begin in PROGRAM.finditer(line):
            words = words_of(line[begin.end() :])
            if (
                words
                and words != ["certificate"]
                and not any(sign in word for word in words for sign in ("…", "...", "[", "${{"))
            ):
                yield words


def words_of(rest: str) -> list[str]:
    """Give the words up to where the shell sees another command, a redirection or a comment."""
    lexer = shlex.shlex(rest, posix=True, punctuation_chars=";&|()<>")
    lexer.whitespace_split = True
    found: list[str] = []
    try:
        for word in lexer:
            if set(word) <= set(";&|()<>"):
                break
            found.append(word)
    except ValueError:  # it stood in quotes that began before it
        return []
    return found


def parsed(words: list[str]) -> click.Context:
    """Parse as the program does, and run nothing."""
    above = cli.make_context("seamless-reconcile", [], resilient_parsing=True)
    command = cli.get_command(above, words[0])
    assert command is not None, words
    # A command that is only named need not have all it needs.
    return command.make_context(words[0], words[1:], parent=above, resilient_parsing=len(words) == 1)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_a_page_shows_are_taken(page):
    for words in calls(page):
        parsed(words)


def test_commands_are_found_where_pages_show_them():
    shown = {words[0] for page in PAGES for words in calls(page)}
    assert shown >= set(cli.list_commands(click.Context(cli)))


@pytest.mark.parametrize("words", [["plan", "--no-such"], ["audit", "--format", "pdf"], ["nothing"]])
def test_what_is_none_would_be_found(words):
    with pytest.raises((click.UsageError, AssertionError)):
        parsed(words)
