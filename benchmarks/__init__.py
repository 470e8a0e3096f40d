"""Measured figures, one module a subject: `python -m benchmarks.NAME --json FILE`. Goals come from requirements.

Every module prints and writes one form: name, machine, seed, seconds, figures {value, unit, goal, holds, peer?,
peer_value?, ratio?}, ok. A figure is never asserted in a test.
"""
