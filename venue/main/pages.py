"""The built pages: staff at `/`, the wall, the signs. HTML is never cached, hashed assets for ever."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from venue.identity.gate import refuse

_FOREVER = "public, max-age=31536000, immutable"


def pages_router(folder: Path) -> APIRouter:
    """Routes for everything that is not `/api`. Without a build every page answers 503 `pages.not_built`."""
    router = APIRouter(include_in_schema=False)
    root = folder.resolve()

    def page(name: str) -> Response:
        path = root / name
        if not path.is_file():
            raise refuse(503, "pages.not_built")
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    @router.get("/wall")
    def wall() -> Response:
        return page("wall.html")

    @router.get("/signs/hall")
    def hall() -> Response:
        return page("sign.html")

    @router.get("/signs/doors/{room}")
    def door(room: str) -> Response:
        return page("sign.html")

    @router.get("/{path:path}")
    def staff(request: Request, path: str) -> Response:
        if path.startswith(("api/", "edge/")) or "\0" in path:
            raise refuse(404, "request.status_404")
        file = (root / path).resolve()
        if path and file.is_file() and file.is_relative_to(root):
            fresh = _FOREVER if path.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"Cache-Control": fresh})
        # A deep link of the staff page; a missing asset must stay a 404.
        if not path or "text/html" in request.headers.get("accept", ""):
            return page("staff.html")
        raise refuse(404, "request.status_404")

    return router
