"""`melcli verify`: holds all that is under OUT against what its books say of it."""
