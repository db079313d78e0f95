"""Engines: who runs batches.  The drive knows no more of one than `melcli.run.engines.contract.Engine`."""
