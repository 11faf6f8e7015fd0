# Importing this puts precond's rules in place of those of aiohttp's FileResponse, also in static routes.
# The validators stay aiohttp's, which sends them at once: the promise of docs/never-stale.md is not theirs.
from datetime import datetime, timezone

from aiohttp.web_fileresponse import FileResponse, _FileResponseResult

import precond

theirs = FileResponse._make_response
results = {304: _FileResponseResult.NOT_MODIFIED, 412: _FileResponseResult.PRE_CONDITION_FAILED}
past = datetime.min.replace(tzinfo=timezone.utc)


def make_response(self, request, accept_encoding):
    path, st, encoding = self._get_file_path_stat_encoding(accept_encoding)
    outcome = precond.evaluate_raw(st, request.method, request.raw_headers)
    if path and outcome in results:
        return results[outcome], None, st, encoding
    # What is decided is not asked again: these are the parsed fields that aiohttp keeps.
    request._cache |= dict.fromkeys(["if_match", "if_unmodified_since", "if_none_match", "if_modified_since"])
    request._cache["if_range"] = past if outcome is precond.Outcome.IGNORE_RANGE else None
    return theirs(self, request, accept_encoding)


FileResponse._make_response = make_response
