"""Engines, which run batches.  The dispatcher only knows `melcli.run.engines.contract.Engine`."""
