"""Runs one benchmark: ``python -m benchmarks NAME [flags]``."""

import importlib
import pathlib
import sys


def main() -> None:
    folder = pathlib.Path(__file__).parent
    names = sorted(path.stem for path in [*folder.glob("[a-z]*.py"), *(p.parent for p in folder.glob("*/__init__.py"))])
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python -m benchmarks {{{','.join(names)}}} [flags]")
    importlib.import_module(f"benchmarks.{sys.argv[1]}").main(sys.argv[2:])


if __name__ == "__main__":
    main()
