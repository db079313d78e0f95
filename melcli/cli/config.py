"""``melcli config``: the configs by name, and what a config comes to."""

from __future__ import annotations

import os

import click

from melcli.cli.output import tell

__all__ = ["config"]


@click.group()
def config() -> None:
    """List, show and check configs.

    \b
    melcli config list
    melcli config show keras_speech
    melcli config show mine.yaml -s num_mel_bins=64
    melcli config check configs/*.yaml
    """


@config.command("list")
def list_() -> None:
    """List the configs that come with melcli, with a line on each."""
    from melcli.config.named import config_description, named_configs

    configs = named_configs()
    width = max(map(len, configs))
    for name, path in configs.items():
        tell(f"{name:<{width}}  {path.parent.name:<10} {config_description(path)}")


@config.command()
@click.argument("name", metavar="NAME|FILE", default="keras")
@click.option("-s", "--set", "sets", multiple=True, metavar="KEY=VALUE", help="Set a key, as in extract.")
def show(name: str, sets: tuple[str, ...]) -> None:
    """Print every value of a config and where it was set.

    What is printed is a config itself: save it and use it with -c.
    """
    from melcli.config.resolve import resolve_config

    resolved = resolve_config(name, sets=sets, environ=os.environ)
    tell(f"# config_id {resolved.config_id}")
    tell(resolved.to_yaml(show_origins=True).rstrip())


@config.command()
@click.argument("files", metavar="NAME|FILE...", nargs=-1, required=True)
def check(files: tuple[str, ...]) -> int:
    """Check configs; ends with 2 if one of them is refused."""
    return max(map(_check, files))


def _check(name: str) -> int:
    from melcli.config.resolve import resolve_config
    from melcli.errors import ConfigError
    from melcli.printable import printable

    try:
        tell(f"{printable(name)}: ok, config_id {resolve_config(name).config_id}")
    except ConfigError as error:
        click.echo(f"melcli: {error}", err=True)
        return error.exit_code
    return 0
