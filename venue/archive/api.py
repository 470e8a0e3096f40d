"""Packages."""

from fastapi import APIRouter

from venue.edge_link.facts import Handlers

router = APIRouter()
handlers: Handlers = {}
