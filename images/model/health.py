"""Docker's health check of the trial model: both of its ports answer."""

import http.client

for port in (8080, 8081):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    connection.request("GET", "/health")
    if connection.getresponse().status != 200:
        raise SystemExit(1)
