#!/bin/sh
# Prints with Apache's tool what the cases ask for: capture.sh 'DIRECTORY-OF-KAFKA-JARS/*'
cd "$(dirname "$0")/files" || exit 1
mkdir -p ../expected
grep -v '^#' ../cases.txt | while read -r name files options; do
  java -Dfile.encoding=UTF-8 -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp "$1" \
    org.apache.kafka.tools.DumpLogSegments --files "$files" $options >out.tmp 2>err.tmp </dev/null
  { cat out.tmp; echo "--- standard error"; sed "s|$PWD/||g" err.tmp; } >"../expected/$name.txt"
  rm -f out.tmp err.tmp
done
