#!/bin/bash
# Like the official image's first start: sets up the database while serving only the socket, then starts again.
set -eu
[ "$1" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
  chown postgres "$PGDATA" /var/run/postgresql
  exec runuser --user postgres -- "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?no password}"
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
  export PGPASSWORD=$POSTGRES_PASSWORD
  pg_ctl -o "$(printf '%q ' "${@:2}") -c listen_addresses= -p 5432" -w start
  psql --username "$POSTGRES_USER" --no-password --dbname postgres --command "CREATE DATABASE \"$POSTGRES_USER\""
  pg_ctl -m fast -w stop
  unset PGPASSWORD
fi
exec "$@"
