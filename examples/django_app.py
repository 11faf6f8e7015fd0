# python examples/django_app.py, then http://127.0.0.1:8000/, /page and /static/index.html
import hashlib
import os
import time
from pathlib import Path
from wsgiref.simple_server import make_server
from wsgiref.util import shift_path_info

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_safe

import precond
from precond.wsgi import ConditionalMiddleware, StaticFiles

PUBLIC = Path(__file__).with_name("public")
settings.configure(ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)


@require_safe
def names(request):
    response = JsonResponse(sorted(path.name for path in PUBLIC.iterdir()), safe=False)
    response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()}"'
    return response


@require_safe
def page(request):
    now_ns = time.time_ns()  # before the file is opened: what had settled by then, no later write can share
    file = (PUBLIC / "index.html").open("rb")
    etag, last_modified = precond.validators(os.fstat(file.fileno()), now_ns=now_ns)
    fields = {"ETag": etag, "Last-Modified": last_modified}
    return FileResponse(file, headers={name: value for name, value in fields.items() if value is not None})


urlpatterns = [path("", names), path("page", page)]
views = ConditionalMiddleware(get_wsgi_application())
static = StaticFiles(PUBLIC)


def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/static/"):
        shift_path_info(environ)  # from PATH_INFO to SCRIPT_NAME
        return static(environ, start_response)
    return views(environ, start_response)


if __name__ == "__main__":
    with make_server("127.0.0.1", 8000, app) as server:
        server.serve_forever()
