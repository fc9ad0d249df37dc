"""`python -m seamless_reconcile`: the same as the command."""

from seamless_reconcile.cli.main import main

if __name__ == "__main__":
    main()
