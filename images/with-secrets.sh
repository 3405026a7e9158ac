#!/bin/sh
# Exports the secrets that Pulumi uploaded, then becomes the service, so that it gets the signals.
# That way the secrets are neither in `docker inspect` nor in the arguments of a process.
set -a
. /run/thoth-letta/secrets.env
set +a
exec "$@"
