"""`python -m axiomd`, and the `axiomd` command."""

from axiomd.loading import kept

with kept():
    from axiomd.cli.main import main

if __name__ == "__main__":
    main()
