"""Errors as people read them: one sentence, its details on lines of their own, and a hint."""

from __future__ import annotations

import re
import sys

import click

from melcli.cli.colors import colored
from melcli.cli.output import say
from melcli.errors import MelcliError
from melcli.printable import printable

__all__ = ["BadValue", "WrongUsage", "refuse", "tell_error", "tell_usage_error"]

SIGNALED = 128  # exit codes beyond it are those of signals


class WrongUsage(click.UsageError):
    """Arguments that cannot be meant, with what to write instead."""

    def __init__(self, message: str, *, hint: str = "", ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx)
        self.hint = hint


class BadValue(click.BadParameter):
    """A value that an option does not take, with one that it would."""

    def __init__(
        self, message: str, *, ctx: click.Context | None, param: click.Parameter | None, hint: str = ""
    ) -> None:
        super().__init__(message, ctx, param)
        self.hint = hint


def refuse(problem: str, *, hint: str = "", details: tuple[str, ...] = ()) -> None:
    """Write an error to standard error."""
    name = colored("error:", "error", sys.stderr)
    lines = [f"melcli: {name} {printable(problem)}{':' if details else ''}"]
    lines += [f"  {printable(line)}" for line in details]
    if hint:
        lines.append(f"{colored('hint:', 'hint', sys.stderr)} {printable(hint)}")
    say("\n".join(lines))


def tell_error(error: MelcliError) -> None:
    """Write what melcli refuses, or which signal stopped it."""
    if error.exit_code > SIGNALED:
        say(f"melcli: {error.problem}")
        return
    refuse(error.problem, hint=error.hint, details=error.details)


def tell_usage_error(error: click.ClickException) -> None:
    """Write what Click refuses, in melcli's words."""
    if type(error).__name__ == "NoArgsIsHelpError":  # a group's own help, since Click 8.2
        error.show()
        return
    hint = getattr(error, "hint", "") or _hint(error)
    refuse(_sentence(error), hint=hint)


def _sentence(error: click.ClickException) -> str:
    """Return Click's message as one sentence that begins with what it is about."""
    if isinstance(error, click.NoSuchOption):
        return f"no such option: {error.option_name}"
    if isinstance(error, click.BadParameter) and not isinstance(error, click.MissingParameter):
        name = "" if error.param is None else error.param.get_error_hint(error.ctx).replace("'", "")
        return f"{name}: {_without_period(error.message)}" if name else _without_period(error.message)
    message = _without_period(" ".join(error.format_message().split()))
    return message[:1].lower() + message[1:] if not re.match(r"[A-Z]{2}", message) else message


def _without_period(message: str) -> str:
    return message.removesuffix(".")


def _hint(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption):
        key = _key_meant(error)
        if key:
            return f"it is a key of the config: write -s {key}=VALUE"
        if error.possibilities:
            return f"did you mean {error.possibilities[0]}?"
    context = getattr(error, "ctx", None)
    if context is None:
        return ""
    command = context.command_path.removeprefix(context.find_root().command_path)
    return f"'melcli{command} -h' lists the arguments and options"


def _key_meant(error: click.NoSuchOption) -> str:
    """Name the key of the config that an unknown option means, such as ``--n-mels``."""
    if error.ctx is None or not any(parameter.name == "sets" for parameter in error.ctx.command.params):
        return ""
    from melcli.mel.options import FeatureOptions
    from melcli.options import key_types
    from melcli.other_key_names import key_of_other_name

    name = error.option_name.lstrip("-").replace("-", "_")
    meant = key_of_other_name(name)
    return name if name in key_types(FeatureOptions) else meant[0] if meant else ""
