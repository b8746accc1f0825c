"""The entry point `darkroom`: reads the environment, runs a command, and turns what went wrong into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.console import Console
from typer.core import TyperGroup
from typer.exceptions import TyperException

from darkroom.cli.exits import BAD_INPUT, INTERRUPTED, OK, allowed_words, error_document, exit_code, hint, sentence
from darkroom.cli.invocation import Invocation
from darkroom_shared.core.errors import InvalidRequest, Misconfigured
from darkroom_shared.settings import Settings

_COMMANDS: Final[Mapping[str, str]] = {
    "demo": "demo",
    "up": "up",
    "submit": "submit",
    "chain": "chain",
    "plan": "chain",
    "workflow": "workflow",
    "batch": "batch",
    "status": "jobs",
    "explain": "explain",
    "watch": "watch",
    "list": "jobs",
    "fetch": "jobs",
    "cancel": "jobs",
    "index": "search",
    "search": "search",
    "dead-letters": "dead_letters",
    "held": "held",
    "resolve": "held",
    "lanes": "lanes",
    "tenants": "tenants",
    "keys": "keys",
    "audit": "keys",
    "webhooks": "webhooks",
    "pause": "steer",
    "resume": "steer",
    "drain": "steer",
    "quotas": "quotas",
    "validate": "validate",
    "lint-prompt": "lint_prompt",
    "models": "models",
    "prices": "prices",
    "features": "features",
    "tuning": "tuning",
    "doctor": "doctor",
    "worker": "programs",
    "serve": "serve",
    "intake": "intake",
    "mcp": "mcp",
    "local-bedrock": "programs",
}
"""The module of `darkroom.cli` that has each command, in the order in which people meet them."""
_PIPE_COLUMNS = 200
_JSON_TAKES_A_FILE = ("validate",)
"""Commands whose --json is not a switch: their output is JSON lines anyway."""


class _InOrder(TyperGroup):
    """Lists the commands in the order of the table above, groups among the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names for the help."""
        return sorted(super().list_commands(ctx), key=list(_COMMANDS).index)


def build(command: str = "") -> typer.Typer:
    """The command of this name with those beside it; all commands if it is not one of them.

    One command needs few of the modules, and importing them all takes longer than most commands work.
    """
    app = typer.Typer(
        name="darkroom",
        cls=_InOrder,
        help="A queue for image work on Amazon Bedrock. Start with `darkroom demo`, or `darkroom up` and `darkroom submit`.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(_options)
    wanted = [_COMMANDS[command]] if command in _COMMANDS else dict.fromkeys(_COMMANDS.values())
    for module in wanted:
        add_to: Callable[[typer.Typer], None] = import_module(f"darkroom.cli.{module}").add_to
        add_to(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. The return value is the exit code (see `exits.py`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    invocation = Invocation(_load_settings, dict(os.environ), _console(stderr=False), _console(stderr=True))
    try:
        result: object = build(_first(given))(given, standalone_mode=False, obj=invocation, prog_name="darkroom")
    except TyperException as problem:
        return _usage(invocation, problem, given)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        return _report(invocation, error, given)
    return result if isinstance(result, int) else OK


def _options(
    traceback: Annotated[bool, typer.Option("--traceback", help="Show a traceback if something unexpected happens.")] = False,
) -> None:
    """A queue for image work on Amazon Bedrock."""


def _load_settings() -> Settings:
    try:
        return Settings()
    except (ValidationError, ValueError) as error:
        raise Misconfigured(_settings_problem(error)) from error


def _settings_problem(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"A DARKROOM_ setting cannot be read: {error}."
    rows = [(".".join(map(str, row["loc"])), row["msg"].removeprefix("Value error, ")) for row in error.errors()]
    told = [f"DARKROOM_{name.removeprefix('DARKROOM_').upper()}: {text}" if name else text for name, text in rows]
    return f"The settings are wrong: {'; '.join(told)}. The table of settings is in README.md."


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    # Into a file or a pipe nothing is cut off or wrapped.
    return Console(stderr=stderr, highlight=False, width=None if stream.isatty() else _PIPE_COLUMNS)


def _wants_json(given: Sequence[str]) -> bool:
    return "--json" in given and _command(given) not in _JSON_TAKES_A_FILE


def _lacks_a_file(given: Sequence[str]) -> bool:
    """True for a command whose --json takes a file and got none."""
    after = given[given.index("--json") + 1 :][:1] if "--json" in given else ["-"]
    return _command(given) in _JSON_TAKES_A_FILE and (not after or after[0].startswith("--"))


def _first(given: Sequence[str]) -> str:
    """The word that chooses the command: `--help` before a command is the help of all."""
    return next((word for word in given if word != "--traceback"), "")


def _command(given: Sequence[str]) -> str:
    return next((word for word in given if not word.startswith("-")), "")


def _usage(invocation: Invocation, problem: TyperException, given: Sequence[str]) -> int:
    """A command line that does not parse; for none at all, the help."""
    told: Callable[[], str] | None = getattr(problem, "format_message", None)
    text = (told() if told else str(problem)).strip()
    context = getattr(problem, "ctx", None)
    if type(problem).__name__ == "NoArgsIsHelpError" and isinstance(context, typer.Context):
        invocation.say(context.get_help())
        return BAD_INPUT
    if _lacks_a_file(given):
        text = "--json takes a FILE here (- for standard input); without --json, JSON lines are read from standard input"
    if _wants_json(given):
        invocation.document({"error": {"code": "usage", "message": text, "problems": []}})
    path = getattr(context, "command_path", "darkroom")
    invocation.say(f"{text.rstrip('.')}. See `{path} --help`.")
    return BAD_INPUT


def _report(invocation: Invocation, error: Exception, given: Sequence[str]) -> int:
    if "--traceback" in given:
        invocation.err.print_exception()
    if _wants_json(given):
        invocation.document(error_document(error))
    invocation.say(" ".join(part for part in (sentence(error), hint(error)) if part))
    if isinstance(error, InvalidRequest):
        for problem in error.problems:
            allowed = f" (allowed: {told})" if (told := allowed_words(problem)) else ""
            invocation.say(f"  {problem.pointer or 'body'}: {problem.message}{allowed}")
    return exit_code(error)


if __name__ == "__main__":
    sys.exit(main())
