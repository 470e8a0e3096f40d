"""The offline verifier, `venue-verify PATH`: is this package whole, unaltered and signed by whom it must
be?

Standard library and `cryptography` only, so that a stranger can read it and run it. Start at `report.py`
(which checks, in which order), then one file a check: `manifests`, `journal`, `proofs`, `recordings`,
`reckoning`, `statement`. `findings.py` is the one table of what can be wrong; `bag.py` reads a folder or a
zip; `cli.py` is the command.
"""
