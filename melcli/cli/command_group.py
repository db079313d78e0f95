"""A group of commands that suggests a command for an unknown word."""

from __future__ import annotations

import os

import click

from melcli.cli.refusals import WrongUsage

__all__ = ["CommandGroup"]


class CommandGroup(click.Group):
    """A group that names the nearest command, or the one that an input is for."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command and its arguments."""
        name = args[0]
        if not (name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name)):
            raise WrongUsage(f"no such command {name!r}", hint=self._hint(ctx, name), ctx=ctx)
        return super().resolve_command(ctx, args)

    def _hint(self, ctx: click.Context, name: str) -> str:
        import difflib  # late: `melcli --help` takes hardly longer than the import of Click

        known = self.list_commands(ctx)
        near = difflib.get_close_matches(name.lower(), known, n=1)
        if near:
            return f"did you mean {near[0]!r}?"
        if "extract" in known and ("/" in name or os.path.exists(name)):
            return f"to extract features, write melcli extract {name} -o OUT"
        return f"commands are {', '.join(known)}"
