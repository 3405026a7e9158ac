"""Docker's health check of the server: both of its ports answer."""

import http.client
import os

for port in (8283, int(os.environ["RUNS_PORT"])):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    connection.request("GET", "/v1/health/")
    if connection.getresponse().status != 200:
        raise SystemExit(1)
