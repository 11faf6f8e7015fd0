# python examples/wsgi_app.py, then http://127.0.0.1:8000/
from pathlib import Path
from wsgiref.simple_server import make_server

from precond.wsgi import StaticFiles

app = StaticFiles(Path(__file__).with_name("public"), index="index.html")
if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
