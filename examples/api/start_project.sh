#!/bin/sh
# Start a project of Hub by its number, wait with progress until it runs, and read what its services said.
#
#     HUB_KEY=hub_... sh start_project.sh 1 [http://127.0.0.1:9000]
#
# Needs curl, grep and sed; with jq it would be shorter. Exits with 0 when the start has succeeded.
set -eu
project=$1
url=${2:-${HUB_URL:-http://127.0.0.1:9000}}
: "${HUB_KEY:?Set HUB_KEY to a key: bin/manage apikey create script --role operator}"

# ask METHOD PATH [HEADER]: the JSON of an answer. What is refused ends the script with what Hub said.
ask() {
    answer=$(curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused --max-time 90 -X "$1" "$url$2" \
        -H "Authorization: Bearer $HUB_KEY" -H "${3:-Accept: application/json}") || {
        printf '%s\n' "$answer" >&2
        exit 1
    }
    printf '%s\n' "$answer"
}

# value NAME: the first field of that name in the JSON that is read, a text or a number.
value() {
    grep -o "\"$1\": *\(\"[^\"]*\"\|[^,}]*\)" | head -n 1 | sed 's/^[^:]*: *//; s/^"//; s/"$//'
}

# The same key again would not start it twice, should the answer be lost and curl try again.
begun=$(ask POST "/api/orchestration/$project/start" "Idempotency-Key: start-$project-$(date +%s)-$$")
task=$(printf %s "$begun" | value task_id)
echo "Task $task"
while :; do
    # Answered when the task has ended, or after two seconds.
    status=$(ask GET "/api/tasks/$task/status" "Prefer: wait=2")
    state=$(printf %s "$status" | value state)
    echo "$state, $(printf %s "$status" | value progress) %: $(printf %s "$status" | value status)"
    case $state in
    SUCCESS) break ;;
    FAILURE | REVOKED) exit 1 ;;
    esac
done
ask GET "/api/orchestration/$project/status" | value status
ask GET "/api/projects/$project/log-file"
