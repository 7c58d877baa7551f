#!/bin/sh
# Creates the namespace TEMPORAL_NAMESPACE and its search attributes on the server at TEMPORAL_ADDRESS; what exists
# already is left alone.
set -eu

operator() { temporal operator "$@" --namespace "$TEMPORAL_NAMESPACE"; }

again() { # a server that listens may need a moment more until it answers, or until it knows its new namespace
    for _ in $(seq 30); do
        "$@" && return
        sleep 1
    done
    return 1
}

namespace() {
    operator namespace describe >/dev/null 2>&1 ||
        operator namespace create --retention 30d # so long the Web UI shows what is finished; our database keeps it
}

search_attributes() {
    for name in FollowUpStatus FollowUpReason FollowUpSequence FollowUpWorkspace FollowUpLead; do
        operator search-attribute create --name "$name" --type Keyword || return
    done
}

again namespace
again search_attributes
