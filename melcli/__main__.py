"""``python -m melcli``."""

from melcli.cli import main

if __name__ == "__main__":
    main()
