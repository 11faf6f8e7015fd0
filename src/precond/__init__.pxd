from precond._core cimport (
    PRECOND_ABSENT, PRECOND_ANY, PRECOND_ETAG_SIZE, PRECOND_EXACT, PRECOND_HTTP_DATE_SIZE,
    PRECOND_IGNORE_RANGE, PRECOND_INVALID, PRECOND_MALFORMED, PRECOND_MATCH, PRECOND_NO_ETAG,
    PRECOND_NO_IF_MODIFIED_SINCE, PRECOND_NO_LAST_MODIFIED, PRECOND_NO_MATCH, PRECOND_NOT_MODIFIED,
    PRECOND_PRECONDITION_FAILED, PRECOND_PROCEED, PRECOND_SEND_ETAG, PRECOND_SEND_LAST_MODIFIED,
    PRECOND_SETTLE_BY_STAMP, PRECOND_TOO_SMALL, PRECOND_WEAK,
    precond_evaluate, precond_evaluate_validators, precond_field_line, precond_format_etag,
    precond_format_http_date, precond_last_modified, precond_match_etags, precond_parse_http_date,
    precond_settled,
)
