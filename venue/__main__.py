"""`python -m venue` is the `venue` command."""

import runpy

runpy.run_module("venue.cli", run_name="__main__")
