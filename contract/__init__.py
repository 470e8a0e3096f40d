"""The words both sides use: envelopes, kinds, canonical JSON, chain, tree, notes, signatures, and the
offline verifier.

Imports pydantic, rfc8785, cryptography and the standard library; nothing of ours. Start reading at
`kinds.py` (what can be said), then `envelope.py` (how a fact becomes bytes) and `signing.py` (how the
centre is believed). Standard library and `cryptography` only, because the offline verifier stands on them:
`chain`, `tree`, `keys`, `durable_file`, `notes`, `media`, `completeness`, `package`, `verify`. The bytes of all proofs:
`docs/design/proof.md`.
"""
