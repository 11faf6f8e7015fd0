# uvicorn --app-dir examples fastapi_app:app, then http://127.0.0.1:8000/ and /static/index.html
from pathlib import Path

from fastapi import FastAPI

from precond.starlette import FileResponse, StaticFiles

PUBLIC = Path(__file__).with_name("public")
app = FastAPI()
app.mount("/static", StaticFiles(directory=PUBLIC))


@app.get("/")
async def index() -> FileResponse:
    return FileResponse(PUBLIC / "index.html")
