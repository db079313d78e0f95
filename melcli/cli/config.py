"""``melcli config``: list named configs, and show, compare and check configs."""

from __future__ import annotations

import os

import click

from melcli.cli.command_group import CommandGroup
from melcli.cli.output import say, tell, tell_json
from melcli.cli.refusals import tell_error
from melcli.errors import CHECK_FAILED

__all__ = ["config"]


@click.group(cls=CommandGroup)
def config() -> None:
    """List, show, compare and check configs.

    Named configs have aliases: -c large-v3 is the same as -c whisper_128. Upper and lower case, - _ and . make no
    difference. 'melcli config list --search' searches names, aliases and comments.

    \b
    melcli config list
    melcli config list --search 'large v3'
    melcli config show keras_speech
    melcli config show mine.yaml -s num_mel_bins=64
    melcli config diff hifigan vits
    melcli config check configs/*.yaml
    """


@config.command("list")
@click.option(
    "--search", metavar="WORDS", help="List only configs whose name, aliases or comments contain all of these words."
)
def list_(search: str | None) -> None:
    """List the configs that come with melcli, with a line on each.

    Configs marked as unverified have not been compared with the numbers of their project. With --search, the aliases
    that match are listed too; upper and lower case, - _ and . make no difference. The exit code is 5 if no config
    matches.
    """
    from melcli.config.named import named_configs, nearest_config, search_configs
    from melcli.errors import NoInput

    configs = named_configs()
    found = search_configs(search or "")
    if not found:
        raise NoInput(f"no config matches {search!r}", hint=nearest_config(search or ""))
    width = max(len(hit.name) for hit in found)
    for hit in found:
        mark = " (unverified)" if hit.labels.unverified else ""
        tell(f"{hit.name:<{width}}  {configs[hit.name].parent.name:<10} {hit.labels.description}{mark}")
        if hit.aliases:
            tell(f"{'':<{width}}  {'':<10} also known as {', '.join(hit.aliases)}")


@config.command()
@click.argument("name", metavar="NAME|FILE", default="keras")
@click.option("-s", "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key, as in extract.")
def show(name: str, sets: tuple[str, ...]) -> None:
    """Print every value of a config and where it was set.

    Comments at the top name the project whose numbers the config equals, describe its steps, and list empty mel
    filters. They also show the equivalent calls of librosa and torchaudio if they exist. The output is a valid config:
    save it and use it with -c.
    """
    from melcli.config.resolve import resolve_config
    from melcli.explain.explanation import explain
    from melcli.printable import printable

    resolved = resolve_config(name, sets=sets, environ=os.environ)
    for line in explain(name, resolved):
        tell(f"# {printable(line)}".rstrip())
    tell(f"#\n# config_id {resolved.config_id}")
    tell(resolved.to_yaml(show_origins=True).rstrip())


@config.command()
@click.argument("one", metavar="NAME|FILE")
@click.argument("other", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with each key and its two values.")
def diff(one: str, other: str, as_json: bool) -> int:
    """Print the keys in which two configs differ, and nothing else.

    The exit code is 4 if they differ and 0 if they are equal. (It is not 1, as for diff and cmp, because 1 means a bug
    of melcli.)
    """
    from melcli.config.resolve import resolve_config
    from melcli.explain.difference import in_lines

    differing = resolve_config(one).differing_values(resolve_config(other))
    if as_json:
        tell_json(differing)
    else:
        for line in in_lines(differing):
            tell(line)
    return CHECK_FAILED if differing else 0


@config.command()
@click.argument("files", metavar="NAME|FILE...", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> int:
    """Check configs; the exit code is 2 if one of them is invalid.

    Empty mel filters, which contain no bin of the spectrum, cause a warning but do not make a config invalid.
    """
    return max(map(_check, files))


def _check(name: str) -> int:
    from melcli.config.resolve import resolve_config
    from melcli.errors import ConfigError
    from melcli.explain.filter_warning import remark_on_filters
    from melcli.printable import printable

    try:
        resolved = resolve_config(name)
        tell(f"{printable(name)}: ok, config_id {resolved.config_id}")
        if remark := remark_on_filters(name, resolved):
            say(f"{printable(name)}: {remark}")
    except ConfigError as error:
        tell_error(error)
        return error.exit_code
    return 0
