#!/bin/bash
# The life of Vitrage's graph, which is the process that has our datasource:
#   vitrage.sh stop|start|restart
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/with-vitrage.sh"
if [ $# != 1 ] || [ ! -r "$TC_ETC/vitrage/vitrage.conf" ]; then
    echo "usage: vitrage.sh stop|start|restart" >&2
    exit 2
fi
tc_clean_env
case $1 in
    stop) stop_all vitrage-graph ;;
    start) start_vitrage ;;
    restart) stop_all vitrage-graph; start_vitrage ;;
    *) echo "vitrage.sh: unknown: $1" >&2; exit 2 ;;
esac
