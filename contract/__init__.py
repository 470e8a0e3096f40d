"""The words both sides use: envelopes, kinds, canonical JSON, chain, tree, notes, signatures, and the offline verifier.

Imports pydantic, rfc8785, cryptography and the standard library; nothing of ours. `verify` imports only the
standard library and `cryptography`. Start reading at `kinds.py`, then `envelope.py`.
"""
