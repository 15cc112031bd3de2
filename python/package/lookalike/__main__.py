"""The program `lookalike`: also `python -m lookalike`."""

import sys

from lookalike import _native


def main() -> int:
    """Run the command line with the arguments of the process, and return its exit code."""
    return _native.run_command_line(["lookalike", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
