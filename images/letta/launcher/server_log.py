"""Names the request that a log line belongs to, so that it can be found in the gateway's log too."""

import logging


def name_requests() -> None:
    """Puts `request=ID` before each message that is logged while a request is handled; the ID is the gateway's.

    Letta 0.16.8 keeps the ID (server/rest_api/middleware/request_id.py) and never logs it.
    """
    try:
        from letta.server.rest_api.middleware.request_id import get_request_id
    except ImportError:
        return  # Up to 0.16.5 it keeps none.
    make = logging.getLogRecordFactory()

    def named(*args, **options) -> logging.LogRecord:
        record = make(*args, **options)
        request = get_request_id()
        if request and isinstance(record.msg, str):
            # Nothing in an ID can be taken for a placeholder: see $request_name in images/nginx/uploads/nginx.conf.
            record.msg = f"request={request} {record.msg}"
        return record

    logging.setLogRecordFactory(named)
