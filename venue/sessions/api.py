"""Everything of this subject under `/api`."""

from fastapi import APIRouter

from venue.sessions import board_api, draw_api, staff_api

router = APIRouter()
router.include_router(staff_api.router)
router.include_router(draw_api.router)
router.include_router(board_api.router)
