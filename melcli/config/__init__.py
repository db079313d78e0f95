"""From YAML, a config's name, ``--set`` and the environment to one resolved `melcli.config.resolve.Config`."""
