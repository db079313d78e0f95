"""``melcli config``: list named configs; show, compare, check and start configs."""

from __future__ import annotations

import os
import textwrap
from dataclasses import replace

import click

from melcli.cli.command_group import CommandGroup
from melcli.cli.completion import complete_config, complete_setting
from melcli.cli.output import say, tell, tell_json
from melcli.cli.refusals import tell_error
from melcli.errors import CHECK_FAILED

__all__ = ["config"]

LIST_WIDTH = 80


@click.group(cls=CommandGroup)
def config() -> None:
    """List, show, compare, check and start configs.

    Named configs have aliases: -c large-v3 is the same as -c whisper_128. Upper and lower case, - _ and . make no
    difference. 'melcli config list --search' searches names, aliases and comments.

    \b
    melcli config list
    melcli config list --search 'large v3'
    melcli config show keras_speech
    melcli config show mine.yaml -s num_mel_bins=64
    melcli config diff hifigan vits
    melcli config check configs/*.yaml
    melcli config init whisper -o mine.yaml
    """


@config.command("list")
@click.option(
    "--search", metavar="WORDS", help="List only configs whose name, aliases or comments contain all of these words."
)
def list_(search: str | None) -> None:
    """List the configs that come with melcli, by family.

    Configs marked as unverified have not been compared with the numbers of their project. With --search, the aliases
    that match are listed too; upper and lower case, - _ and . make no difference. The exit code is 5 if no config
    matches.
    """
    from melcli.config.named_configs import named_configs, nearest_config, search_configs
    from melcli.errors import NoInput

    configs = named_configs()
    found = search_configs(search or "")
    if not found:
        raise NoInput(f"no config matches {search!r}", hint=nearest_config(search or ""))
    width = max(len(hit.name) for hit in found)
    family = ""
    for hit in found:
        if configs[hit.name].parent.name != family:
            family = configs[hit.name].parent.name
            tell(f"{family}:")
        mark = " (unverified)" if hit.labels.unverified else ""
        aliases = [f"Also known as {', '.join(hit.aliases)}."] if hit.aliases else []
        for text in (f"{hit.labels.description}{mark}", *aliases):
            for line in textwrap.wrap(text, LIST_WIDTH - width - 4, break_long_words=False, break_on_hyphens=False):
                tell(f"  {hit.name:<{width}}  {line}")
                hit = replace(hit, name="")


@config.command()
@click.argument("base", metavar="[NAME]", default="keras", shell_complete=complete_config)
@click.option("-o", "--out", "path", type=click.Path(), metavar="FILE", help="Write to a new file.")
def init(base: str, path: str | None) -> None:
    """Print a template of a config: every key with its meaning.

    The template equals the named config until you remove the # before a key. The default is keras.

    \b
    melcli config init whisper -o mine.yaml
    melcli extract recordings -o features -c mine.yaml
    """
    from melcli.config.template import template
    from melcli.errors import ConfigError
    from melcli.printable import printable

    text = "\n".join(template(base))
    if path is None:
        tell(text)
        return
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError:
        raise ConfigError(f"{printable(path)} exists", hint="name a new file with -o") from None
    except OSError as error:
        raise ConfigError(f"{printable(path)} cannot be written: {error.strerror}") from None
    say(f"wrote {printable(path)}")


@config.command()
def schema() -> None:
    """Print the JSON Schema of a config.

    Editors use it to complete and check keys. 'melcli config show' and 'melcli config init' name the installed file of
    the schema in their first line.
    """
    import json

    from melcli.config.schema import schema as made

    tell(json.dumps(made(), indent=2))


@config.command()
@click.argument("name", metavar="NAME|FILE", default="keras", shell_complete=complete_config)
@click.option(
    "-s",
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    shell_complete=complete_setting,
    help="Set a key, as in extract.",
)
def show(name: str, sets: tuple[str, ...]) -> None:
    """Print every value of a config and where it was set.

    Comments at the top name the project whose numbers the config equals, describe its steps, and list empty mel
    filters. They also show the equivalent calls of librosa and torchaudio if they exist. The output is a valid config:
    save it and use it with -c.
    """
    from melcli.config.resolve import resolve_config
    from melcli.config.schema import schema_line
    from melcli.explain.explanation import explain
    from melcli.printable import printable

    resolved = resolve_config(name, sets=sets, environ=os.environ)
    tell(schema_line())
    for line in explain(name, resolved):
        tell(f"# {printable(line)}".rstrip())
    tell(f"#\n# config_id {resolved.config_id}")
    tell(resolved.to_yaml(show_origins=True).rstrip())


@config.command()
@click.argument("one", metavar="NAME|FILE", shell_complete=complete_config)
@click.argument("other", metavar="NAME|FILE", shell_complete=complete_config)
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
@click.argument("files", metavar="NAME|FILE...", nargs=-1, required=True, shell_complete=complete_config)
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
