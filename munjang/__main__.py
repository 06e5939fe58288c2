"""`python -m munjang`: the command line."""

from munjang.cli import main

if __name__ == "__main__":
    main()
