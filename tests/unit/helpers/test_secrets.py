"""What counts as a secret, and that nothing of it is shown."""

from __future__ import annotations

import time

import pytest

from rhl_helpers.errors import GuardRefused
from rhl_helpers.secrets import HIDDEN, is_secret_name, redacted, redacted_words
from rhl_helpers.text import safe_lines

SECRET = "hunter2-s3cret"


@pytest.mark.parametrize(
    "text",
    [
        f"x --token {SECRET} --port 1",
        f"x --api-key={SECRET}",
        f"DB_PASSWORD={SECRET} x",
        f"export AWS_SECRET_ACCESS_KEY={SECRET}",
        f'{{"auth_token": "{SECRET}", "port": 1}}',
        f"password: {SECRET}",
        f"http://me:{SECRET}@proxy:3128/x",
        f"Authorization: Bearer {SECRET}",
        f"-passphrase {SECRET}",
        f"my.private-key = '{SECRET}'",
    ],
)
def test_what_has_a_name_that_says_so_is_hidden(text: str) -> None:
    assert SECRET not in redacted(text)
    assert HIDDEN in redacted(text)


@pytest.mark.parametrize(
    "words",
    [["x", "--token", SECRET], ["x", f"--password={SECRET}"], [f"TOKEN={SECRET}", "x"],
     ["x", f"http://me:{SECRET}@h/"], ["x", "--api-key", SECRET, "y"]],
)  # fmt: skip
def test_no_word_of_a_command_line_tells(words: list[str]) -> None:
    shown = redacted_words(words)
    assert len(shown) == len(words)
    assert SECRET not in " ".join(shown)


@pytest.mark.parametrize(
    "text",
    [
        "hashserver --status-file ~/.remote-http-launcher/server/hashserver-c.json --host node ~/buffers/p",
        "--key my-service",
        "--token-file /run/token --password-file=/x",
        "keyboard-interactive authentication is needed",
        "jobserver-c-rw-p: process 4000 lives, port 50000 is closed",
        "host key verification failed for git@example",
        "",
    ],
)
def test_everything_else_is_shown_as_it_is(text: str) -> None:
    assert redacted(text) == text
    assert redacted_words(text.split()) == text.split()


def test_to_hide_twice_is_to_hide_once() -> None:
    once = redacted(f"--token {SECRET} TOKEN={SECRET} http://a:{SECRET}@b/")
    assert redacted(once) == once


def test_an_option_that_follows_one_without_value_is_no_secret() -> None:
    assert redacted_words(["x", "--token", "--verbose", "a"]) == ["x", "--token", "--verbose", "a"]


def test_what_is_known_to_be_secret_is_hidden_wherever_it_stands() -> None:
    assert redacted_words(["x", f"a{SECRET}b", SECRET], [SECRET]) == ["x", f"a{HIDDEN}b", HIDDEN]


@pytest.mark.parametrize(
    ("name", "secret"),
    [("TOKEN", True), ("db_password", True), ("api-key", True), ("KEY", False), ("PASSWORD_FILE", False),
     ("HOME", False), ("token_path", False), ("Passphrase", True)],
)  # fmt: skip
def test_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_no_error_and_no_log_line_tells() -> None:
    assert SECRET not in str(GuardRefused("h", f"rejected: x --token {SECRET}"))
    assert SECRET not in "\n".join(safe_lines(f"start\nusing token={SECRET}\n"))


def test_no_text_takes_long() -> None:
    began = time.process_time()
    for text in (
        "--token " * 20_000,
        "token" * 20_000,
        "://" * 30_000 + "@",
        "a" * 100_000 + "password",
        "=" * 99_999,
    ):
        redacted(text)
    assert time.process_time() - began < 5
