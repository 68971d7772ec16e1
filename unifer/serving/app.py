"""The HTTP of the server: its paths, their documentation, and what a refusal looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from unifer import __version__
from unifer.records import Json
from unifer.serving import schema
from unifer.serving.guard import Access, Guard, refused
from unifer.serving.limits import Refusal
from unifer.serving.metrics import CONTENT_TYPE
from unifer.serving.page import Page, documentation, start_page
from unifer.serving.samples import sample_pictures
from unifer.serving.service import ReadingService
from unifer.serving.uploads import Upload, upload

T = TypeVar("T")
_GONE = 499
"""Status, in the counts alone, of a request whose client has left."""
_ANSWERED = ("/", "/docs", "/openapi.json", "/health", "/metrics", "/v1/read", "/v1/faces")


def create_app(service: ReadingService, access: Access | None = None) -> FastAPI:
    """The server around `service`, which is started already."""
    app = FastAPI(
        title="UniFER",
        version=__version__,
        description="Reads the facial expressions in photos. " + schema.ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.service = service
    app.add_middleware(Guard, access=access or Access(), metrics=service.metrics, paths=frozenset(_ANSWERED))
    _add_errors(app)
    _add_readings(app, service)
    _add_state(app, service)
    _add_pages(app, service)
    return app


def _add_errors(app: FastAPI) -> None:
    async def refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return refused(error)

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return JSONResponse({"error": str(error.detail)}, error.status_code, headers=error.headers)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=_GONE)

    app.add_exception_handler(Refusal, refusal)
    app.add_exception_handler(HTTPException, unknown)
    app.add_exception_handler(ClientDisconnect, gone)


def _add_readings(app: FastAPI, service: ReadingService) -> None:
    async def answered(request: Request, work: Callable[[Upload], Awaitable[Json]]) -> Response:
        with service.place():
            photo = await upload(request, service.limits)
            return JSONResponse(await _while_here(request, work(photo)))

    @app.post("/v1/read", openapi_extra=schema.photo_body(True), responses=schema.READ_RESPONSES)
    async def read(request: Request) -> Response:
        """What the expressions of the faces in a photo look like: label, votes, Action Units, reasoning."""
        return await answered(request, service.read)

    @app.post("/v1/faces", openapi_extra=schema.photo_body(False), responses=schema.FACES_RESPONSES)
    async def faces(request: Request) -> Response:
        """Where the faces in a photo are, from left to right. No model is asked."""
        return await answered(request, service.faces)


def _add_state(app: FastAPI, service: ReadingService) -> None:
    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server answers, and by which models."""
        return {"status": "ok", "models": list(service.recognizers), "version": __version__}

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts in Prometheus' text format."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI, service: ReadingService) -> None:
    pictures = sample_pictures()
    start = start_page(service, list(pictures.values()))
    pages: dict[str, Page] = {}

    def sent(page: Page) -> Response:
        return HTMLResponse(page.text, headers={"Content-Security-Policy": page.policy})

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return sent(start)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return sent(pages.get("docs") or pages.setdefault("docs", documentation(app.openapi())))

    @app.get("/samples/{name}", include_in_schema=False)
    async def sample(name: str) -> Response:
        if name not in pictures:
            raise Refusal(404, "no such sample")
        return Response(pictures[name].png, media_type="image/png")


async def _while_here(request: Request, work: Awaitable[T]) -> T:
    """`work`'s result. Raises ClientDisconnect, and drops the work, where the client leaves before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
