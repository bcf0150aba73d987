#!/bin/bash
# make.sh NAME COMMIT PYTHON: the databases of a version as its own code fills them, for test_upgrade.py beside it:
# NAME.sqlite3.gz, NAME.sql.gz (PostgreSQL) and NAME.keys, a line for the API key of each. PYTHON has the packages of
# that version. Everything is made in a folder of its own, on ports 9371 to 9373.
set -euo pipefail
name=$1 commit=$2 python=$3
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
work=$(mktemp -d) up='' server=''
end() {
    [ -z "$up" ] || { kill -INT "$up" && wait "$up"; } || true
    [ -z "$server" ] || { kill -INT "$server" && wait "$server"; } || true
    rm -rf "$work"
}
trap end EXIT
chmod 755 "$work"
mkdir "$work/hub" "$work/postgresql"
git -C "$here/../../.." archive --format=tar "$commit" | tar -x -C "$work/hub"
cd "$work/hub"

fill() {  # KIND PORT
    export HUB_DATA="$work/data-$1" HUB_PROJECTS_ROOT="$work/hub/examples" HUB_PORT=$2 HUB_ID=old HUB_NODE=old
    export HUB_ENCRYPTION_KEY=b3ZlbnMgb2YgdGhlIGJha2VyeSBhcmUgaG90LCBhbGw=
    mkdir -p "$HUB_DATA"
    "$python" manage.py up > "$work/$1.log" 2>&1 &
    up=$!
    local base="http://127.0.0.1:$2" key failed
    for _ in $(seq 240); do curl -fs "$base/health/ready" > /dev/null && break; sleep 0.5; done
    key=$("$python" manage.py apikey create old --role admin)
    echo "$1 $key" >> "$work/keys"
    "$python" manage.py shell > /dev/null <<'PYTHON'
from django.contrib.auth.models import User
from accounts.models import Role
from accounts.roles import give_role
give_role(User.objects.create_user("mara", password="crumbs-of-2026"), Role.OPERATOR)
PYTHON
    ask() { curl -fsS -X "$1" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' "$base$2" -d "${3:-}"; }
    "$python" manage.py project add "$work/hub/examples/hello" --name Bakery --env OVEN=hot
    "$python" manage.py project start Bakery --wait
    "$python" manage.py project stop Bakery --wait
    "$python" manage.py schedule add Dawn --job demo.sleep --params '{"seconds": 1}' --cron '30 4 * * *'
    ask POST /api/tasks '{"job": "demo.sleep", "params": {"seconds": 1, "steps": 2}}' > /dev/null
    failed=$(ask POST /api/tasks '{"job": "demo.fail", "params": {"message": "The oven went cold."}}')
    failed=$("$python" -c 'import json, sys; print(json.loads(sys.argv[1])["id"])' "$failed")
    for _ in $(seq 240); do ask GET "/api/tasks/$failed" | grep -q 'went cold.*"ended_at": *"' && break; sleep 0.5; done
    ! "$python" manage.py task retry "$failed" --wait
    ask POST /api/tasks '{"job": "demo.sleep", "params": {"seconds": 1}, "run_at": "2099-01-01T00:00:00Z"}' > /dev/null
    for _ in $(seq 240); do ask GET '/api/tasks?state=succeeded&job=demo.sleep' | grep -q demo.sleep && break; sleep 0.5; done
    kill -INT "$up"; wait "$up" || true
    up=''
}

fill sqlite 9371
"$python" - "$HUB_DATA/hub.sqlite3" "$work/small.sqlite3" <<'PYTHON'
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", [sys.argv[2]])
PYTHON

# PostgreSQL refuses to run as root; its Debian package makes a user for it.
programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1) as=''
[ "$(id -u)" != 0 ] || { as='setpriv --reuid=postgres --regid=postgres --clear-groups'; chown postgres "$work/postgresql"; }
(cd / && $as "$programs/initdb" -D "$work/postgresql/data" -U hub -A trust -E UTF8 --no-sync > /dev/null)
(cd / && exec $as "$programs/postgres" -D "$work/postgresql/data" -p 9373 -k '' -h 127.0.0.1 -c fsync=off) 2> "$work/postgresql.log" &
server=$!
for _ in $(seq 240); do "$programs/pg_isready" -q -h 127.0.0.1 -p 9373 && break; sleep 0.5; done
export DATABASE_URL=postgres://hub@127.0.0.1:9373/postgres
fill postgresql 9372
"$programs/pg_dump" --no-owner --no-privileges "$DATABASE_URL" | gzip -9n > "$here/$name.sql.gz"
gzip -9nc "$work/small.sqlite3" > "$here/$name.sqlite3.gz"
mv "$work/keys" "$here/$name.keys"
ls -l "$here/$name".*
