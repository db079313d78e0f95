"""melcli against its peers, as ratios from one run; docs/benchmarks.md is made from what this prints.

``python -m benchmarks`` runs all; each module below runs by itself too and explains its options with ``--help``.

============  ==========================================================================
``core``      arrays in, arrays out, on one thread, against the libraries
``pipeline``  whole commands over folders, against scripts and lhotse
``scaling``   processes, numbers of files, one long file among many, start-up
``memory``    the largest resident size of each process
``guard``     for CI: the core against the bare FFT
``page``      writes docs/benchmarks.md and its plot from the JSON of a run
============  ==========================================================================
"""
