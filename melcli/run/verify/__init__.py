"""``melcli verify``: check OUT against its manifest and journal."""
