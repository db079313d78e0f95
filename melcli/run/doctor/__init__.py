"""``melcli doctor``: check libraries, machine and file system."""
