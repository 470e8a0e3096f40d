"""The ways in, as the outside world has them: the simulators, the centre's API, a kiosk page's requests."""

import time
from collections.abc import Callable
from typing import Any

import httpx


class Refused(Exception):
    """The other side answered with an error; `status` and `detail` say which."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.detail = status, detail


def _answer(response: httpx.Response) -> Any:
    if response.status_code >= 400:
        try:
            detail = response.json()
        except ValueError:
            detail = response.text
        raise Refused(response.status_code, detail)
    return response.json() if response.content else None


class Sim:
    """The physical world of the simulated venue."""

    def __init__(self, port: int) -> None:
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0)

    def post(self, path: str, **body: Any) -> Any:
        """POST a control request."""
        return _answer(self._http.post(path, json=body))

    def get(self, path: str, **params: Any) -> Any:
        """GET a state."""
        return _answer(self._http.get(path, params=params))

    def take_card(self, reader: str) -> None:
        """Lift whatever card lies on a reader."""
        _answer(self._http.delete(f"/readers/{reader}/card"))

    def close(self) -> None:
        """Release the connections."""
        self._http.close()


class Centre:
    """One signed-in person at the centre's API."""

    def __init__(self, base: str, name: str, password: str) -> None:
        self._http = httpx.Client(base_url=base, timeout=60.0)
        _answer(self._http.post("/api/sign-in", json={"name": name, "password": password}))

    def _headers(self) -> dict[str, str]:
        return {"X-CSRF": self._http.cookies.get("jz_csrf", "")}

    def get(self, path: str, **params: Any) -> Any:
        """GET under /api."""
        return _answer(self._http.get(f"/api{path}", params=params))

    def post(self, path: str, body: Any = None) -> Any:
        """POST under /api."""
        return _answer(
            self._http.post(f"/api{path}", json=body if body is not None else {}, headers=self._headers())
        )

    def close(self) -> None:
        """Release the connections."""
        self._http.close()


class KioskPage:
    """What a kiosk's page sends to its own edge."""

    def __init__(self, base: str, kiosk: str, token: str) -> None:
        self.kiosk = kiosk
        self._http = httpx.Client(
            base_url=f"{base}/kiosk/api/{kiosk}", headers={"X-Kiosk-Token": token}, timeout=30.0
        )

    def screen(self) -> dict[str, Any]:
        """The screen as the page would draw it."""
        shown: dict[str, Any] = _answer(self._http.get("/screen"))
        return shown

    def act(self, action: str, value: Any = None) -> Any:
        """Press a button of the page."""
        return _answer(self._http.post("/actions", json={"action": action, "value": value}))

    def frames(self, jpegs: list[bytes]) -> Any:
        """Post what the page's camera saw."""
        files = [("frames", (f"{n}.jpg", jpeg, "image/jpeg")) for n, jpeg in enumerate(jpegs)]
        return _answer(self._http.post("/frames", files=files))

    def until(self, *screens: str, seconds: float = 15.0) -> dict[str, Any]:
        """Wait until one of these screens shows; fails with the screen that shows instead."""
        shown: dict[str, Any] = {}

        def there() -> bool:
            nonlocal shown
            try:
                shown = self.screen()
            except httpx.HTTPError:
                return False
            return shown["screen"] in screens

        if not wait_for(there, seconds):
            raise TimeoutError(f"kiosk shows {shown.get('screen')} {shown.get('params')}, expected {screens}")
        return shown

    def close(self) -> None:
        """Release the connections."""
        self._http.close()


def wait_for(check: Callable[[], bool], seconds: float, every: float = 0.1) -> bool:
    """Poll until the check holds; False when the time is up."""
    deadline = time.monotonic() + seconds
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True
