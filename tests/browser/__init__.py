"""Page tests in a real Chromium.

`sample.py` is plainly sample data in the shape of the APIs, `pages_app.py` serves it beside the built pages
(with real WebRTC and server-sent events), `conftest.py` starts server and browser. Start reading in `test_pages.py`.
With SHOTS=FOLDER every page is photographed in both languages.
"""
