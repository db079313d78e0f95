"""``melcli stats``: read all features of OUTs in workers, and combine their moments."""
