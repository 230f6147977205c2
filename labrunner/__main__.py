"""`python -m labrunner` is `lab`."""

from labrunner.cli import main

if __name__ == "__main__":
    main()
