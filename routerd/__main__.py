"""`python -m routerd` is the command `routerd`."""

from routerd.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
