"""``melcli config``: the configs by name, and what a config comes to."""

from __future__ import annotations

import os

import click

from melcli.cli.output import say, tell, tell_json
from melcli.errors import CHECK_SAID_NO

__all__ = ["config"]


@click.group()
def config() -> None:
    """List, show, compare and check configs.

    A named config is also found by the other names that people know it by, however they are written: -c large-v3 is
    -c whisper_128. 'melcli config list --search' tells them.

    \b
    melcli config list
    melcli config list --search 'large v3'
    melcli config show keras_speech
    melcli config show mine.yaml -s num_mel_bins=64
    melcli config diff hifigan vits
    melcli config check configs/*.yaml
    """


@config.command("list")
@click.option("--search", metavar="WORDS", help="Only configs whose name, aliases or comments have all of these words.")
def list_(search: str | None) -> None:
    """List the configs that come with melcli, with a line on each.

    Those marked as unverified are not held against the numbers of the project that they restate. With --search, the
    other names that match stand below; upper and lower case, - _ and . make no difference. Ends with 5 if there is
    none.
    """
    from melcli.config.named import named_configs, nearest_config, search_configs
    from melcli.errors import NoInput

    configs = named_configs()
    found = search_configs(search or "")
    if not found:
        raise NoInput(f"no config matches {search!r}; {nearest_config(search or '')}")
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

    Before them stand, as comments, whose numbers it equals, what it does in words, which filters are empty if some
    are, and the calls of librosa and torchaudio that compute the same where there are some. What is printed is a
    config itself: save it and use it with -c.
    """
    from melcli.config.explain import explain
    from melcli.config.resolve import resolve_config
    from melcli.printable import printable

    resolved = resolve_config(name, sets=sets, environ=os.environ)
    for line in explain(name, resolved):
        tell(f"# {printable(line)}".rstrip())
    tell(f"#\n# config_id {resolved.config_id}")
    tell(resolved.to_yaml(show_origins=True).rstrip())


@config.command()
@click.argument("one", metavar="NAME|FILE")
@click.argument("other", metavar="NAME|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead: a key, and its two values.")
def diff(one: str, other: str, as_json: bool) -> int:
    """Print the keys in which two configs differ, and nothing else.

    Ends with 4 where they differ and with 0 where they are equal, so that a script can ask; diff and cmp say 1, which
    here means a bug of melcli.
    """
    from melcli.config.difference import in_lines
    from melcli.config.resolve import resolve_config

    differing = resolve_config(one).differing_values(resolve_config(other))
    if as_json:
        tell_json(differing)
    else:
        for line in in_lines(differing):
            tell(line)
    return CHECK_SAID_NO if differing else 0


@config.command()
@click.argument("files", metavar="NAME|FILE...", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> int:
    """Check configs; ends with 2 if one of them is refused.

    Filters that no bin of the spectrum lies under are named, and refuse nothing.
    """
    return max(map(_check, files))


def _check(name: str) -> int:
    from melcli.config.remarks import remark_on_filters
    from melcli.config.resolve import resolve_config
    from melcli.errors import ConfigError
    from melcli.printable import printable

    try:
        resolved = resolve_config(name)
        tell(f"{printable(name)}: ok, config_id {resolved.config_id}")
        if remark := remark_on_filters(name, resolved):
            say(f"{printable(name)}: {remark}")
    except ConfigError as error:
        say(f"melcli: {error}")
        return error.exit_code
    return 0
