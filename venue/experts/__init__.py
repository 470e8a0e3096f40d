"""The register of experts, encrypted at rest, and the draw whose result nobody can read before check-in (I-14).

May import `venue.identity`, `venue.edge_link`, `venue.db`, `contract`; it knows no session, only the frame it is
given. Names, numbers and phones are ciphertext with keyed indexes (`vault.py`); a draw's seed comes of shares that
were all committed before one was revealed (`rules.py`, `draw.py`); its result exists only sealed (`sealing.py`,
`roster.py`) and the notifier opens it in memory (`notices.py`).
Start reading at `rules.py`; `draw_cli.py` is what a stranger runs after disclosure: `venue-draw verify FILE`.
"""
