# flask --app examples/flask_app.py run, then http://127.0.0.1:5000/ and /static/index.html
from pathlib import Path

from flask import Flask, Response, jsonify
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from precond.wsgi import ConditionalMiddleware, StaticFiles

PUBLIC = Path(__file__).with_name("public")
app = Flask(__name__)


@app.get("/")
def names() -> Response:
    response = jsonify(sorted(path.name for path in PUBLIC.iterdir()))
    response.add_etag()
    return response


app.wsgi_app = DispatcherMiddleware(ConditionalMiddleware(app.wsgi_app), {"/static": StaticFiles(PUBLIC)})
