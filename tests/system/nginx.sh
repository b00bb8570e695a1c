#!/usr/bin/env bash
# 100,000 lines of an nginx access log: in through kafka-console-producer.sh, with kill -9 of the node
# on the way; out of kafka-console-consumer.sh, kcat and a Java consumer, in order, byte for byte,
# nothing lost, nothing twice; and the same after another kill -9.
#
# Runs the binary that bin/ finds, or $OTTLA_BINARY. $OTTLA_KAFKA_JARS: a class path with Apache
# Kafka's tools, for the Java consumer. Ends with one line `N passed, N failed`.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
bin="$here/../../bin"
lines=100000
patience=120
passed=0 failed=0
node=

folder="$(mktemp -d)"
cleanup() {
  [ -z "$node" ] || kill -9 "$node" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

# A loopback address of this run's own, so that nobody takes the port while the node is down.
address="127.$(($$ / 256 % 256 == 0 ? 1 : $$ / 256 % 256)).$(($$ % 256)).254:9092"

check() { # name, command...
  local name="$1"
  shift
  if "$@"; then
    passed=$((passed + 1)) && echo "ok      $name"
  else
    failed=$((failed + 1)) && echo "FAILED  $name"
  fi
}

give_up() {
  echo "FAILED  $1"
  tail -n 20 "$folder/node.log" "$folder/errors" || true
  echo "$passed passed, $((failed + 1)) failed"
  exit 1
}

# Waits for a condition, and looks again right away: each look takes a moment itself.
wait_for() { # what, command...
  local what="$1" deadline=$((SECONDS + patience))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || give_up "$what did not happen in $patience s"
    kill -0 "$node" 2>/dev/null || give_up "the node ended while waiting for: $what"
  done
}

end_offset() {
  "$bin/kafka-get-offsets.sh" --bootstrap-server "$address" --topic nginx 2>/dev/null | cut -d: -f3
}
has_written() { [ "$(end_offset || echo 0)" -ge "$1" ] 2>/dev/null; }
is_serving() { "$bin/kafka-topics.sh" --bootstrap-server "$address" --list >"$folder/errors" 2>&1; }

start() {
  "$bin/kafka-server-start.sh" "$folder/server.properties" >>"$folder/node.log" 2>&1 &
  node=$!
  wait_for "the node serves" is_serving
}

kill_9() {
  kill -9 "$node"
  wait "$node" 2>/dev/null || true
  node=
}

generate() {
  awk -v lines="$lines" 'BEGIN {
    srand(20200101)
    split("GET GET GET GET POST PUT DELETE HEAD", methods, " ")
    split("200 200 200 200 304 404 301 500", statuses, " ")
    split("/ /index.html /images/logo.png /api/v1/orders /suche?q=M%C3%BCnchen /größe/α", paths, " ")
    split("curl/7.88.1|Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0|-|Googlebot/2.1 (+http://www.google.com/bot.html)", agents, "|")
    for (i = 0; i < lines; i++) {
      second = i % 60; minute = int(i / 60) % 60; hour = int(i / 3600) % 24
      tail = ""
      if (rand() < 0.01) for (n = int(rand() * 2000); n > 0; n--) tail = tail "x"
      printf "%d.%d.%d.%d - %s [21/Nov/2026:%02d:%02d:%02d +0000] \"%s %s%s HTTP/1.1\" %s %d \"-\" \"%s\"\n",
        1 + rand() * 223, rand() * 256, rand() * 256, rand() * 256, (rand() < 0.1 ? "alice" : "-"),
        hour, minute, second, methods[1 + int(rand() * 8)], paths[1 + int(rand() * 6)], tail,
        statuses[1 + int(rand() * 8)], rand() * 100000, agents[1 + int(rand() * 4)]
    }
  }'
}

same() { cmp "$folder/access.log" "$folder/$1"; }

read_all() { # when
  "$bin/kafka-console-consumer.sh" --bootstrap-server "$address" --topic nginx --from-beginning \
    --max-messages "$lines" --timeout-ms 60000 >"$folder/console" 2>"$folder/errors" || cat "$folder/errors"
  check "kafka-console-consumer.sh $1" same console
  if command -v kcat >/dev/null; then
    kcat -C -b "$address" -t nginx -o beginning -e -q >"$folder/kcat" 2>"$folder/errors" || cat "$folder/errors"
    check "kcat $1" same kcat
  else
    echo "skipped kcat $1: it is not installed"
  fi
  if [ -n "${OTTLA_KAFKA_JARS:-}" ]; then
    java -cp "$OTTLA_KAFKA_JARS" org.apache.kafka.tools.consumer.ConsoleConsumer \
      --bootstrap-server "$address" --topic nginx --from-beginning \
      --max-messages "$lines" --timeout-ms 60000 >"$folder/java" 2>"$folder/errors" || cat "$folder/errors"
    check "Java consumer $1" same java
  else
    echo "skipped Java consumer $1: OTTLA_KAFKA_JARS is not set"
  fi
  check "nothing twice $1" [ "$(end_offset)" = "$lines" ]
}

generate >"$folder/access.log"
printf 'listeners=PLAINTEXT://%s\nlog.dirs=%s\n' "$address" "$folder/data" >"$folder/server.properties"
start
"$bin/kafka-topics.sh" --bootstrap-server "$address" --create --topic nginx --partitions 1 >/dev/null

# The second half is fed only once the node is about to be killed, so that it dies with records on
# their way.
mkfifo "$folder/feed"
"$bin/kafka-console-producer.sh" --bootstrap-server "$address" --topic nginx \
  --producer-property acks=all --producer-property enable.idempotence=true \
  <"$folder/feed" >"$folder/producer.log" 2>&1 &
producer=$!
mkfifo "$folder/go"
{ head -n $((lines / 2)) "$folder/access.log"; cat "$folder/go"; tail -n +$((lines / 2 + 1)) "$folder/access.log"; } >"$folder/feed" &
wait_for "a fifth of the lines is written" has_written $((lines / 5))
: >"$folder/go"
kill_9
start
echo "killed after $(end_offset) of $lines lines at most"
if wait "$producer"; then produced=0; else produced=$?; fi
[ "$produced" = 0 ] || tail -n 20 "$folder/producer.log"
check "kafka-console-producer.sh over kill -9" [ "$produced" = 0 ]
read_all "after the kill"
kill_9
start
read_all "after another kill"
kill "$node"
if wait "$node"; then stopped=0; else stopped=$?; fi
node=
check "the node stops in order" [ "$stopped" = 0 ]
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
