"""The stage: sets up a home folder and runs every process of one venue and its centre on this machine.

`processes.py` starts, restarts and stops children; `home.py` writes the home's configuration, certificates and
demo data; `story/` plays one whole session against the running stage and judges it from outside.
Imports contract and devices.sim's public control API over HTTP only; production code never imports this.
"""
