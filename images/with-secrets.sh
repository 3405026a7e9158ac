#!/bin/sh
# Puts the secrets that Pulumi uploaded into the environment, then becomes the service, which so gets the signals.
# They are thus in neither `docker inspect` nor the arguments of any process.
set -a
. /run/thoth-letta/secrets.env
set +a
exec "$@"
