# python examples/aiohttp_app.py, then http://127.0.0.1:8080/ and /static/index.html
from pathlib import Path

from aiohttp import web

from precond.aiohttp import FileResponse, static

PUBLIC = Path(__file__).with_name("public")


async def index(request: web.Request) -> FileResponse:
    return FileResponse(PUBLIC / "index.html")


app = web.Application()
app.add_routes([web.get("/", index), static("/static", PUBLIC)])
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1")
