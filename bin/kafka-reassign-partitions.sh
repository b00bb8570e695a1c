#!/bin/sh
exec "$(dirname "$(readlink -f "$0")")/ottla-run" reassign-partitions "$@"
