#!/bin/sh
# nginx, once it has been told which projects there are: it starts beside Letta, of which the projects' users come.
until [ -s "$1" ]; do sleep 0.1; done
exec nginx -g 'daemon off;'
