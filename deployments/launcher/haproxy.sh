#!/bin/sh
# What Ray Serve starts as its HAProxy; it becomes the real one after putting right what Serve's
# configuration leaves open: the statistics, which would listen on every interface, move to sockets
# in the configuration's own folder; the socket that administers it is for its user alone; requests
# are logged by the ingress, not to a syslog; requests are not spliced in the kernel, or HAProxy 2.8
# doesn't see a caller leave who sent a small body in a packet of its own; when no replica of the
# ingress answers, or Serve knows no application yet, callers hear of it as of every other error; and
# what the replicas have no place for (SIDECAR_PLACES in each) is refused here, where that costs next
# to nothing: refusing it themselves they would soon do nothing else. The last places are for health.
for argument; do
    [ "$previous" = -f ] && config=$argument
    previous=$argument
done

# Writes $1.json, an error as the API words it, and $1.openai.json, as OpenAI does; $3: its request's id.
error() {
    printf '{"request_id": "%s", "status": "error", "payload": {}, "error": "%s", "detail": "%s", "code": "overloaded", "retryable": true}' \
        "$3" "$2" "$2" >"$1.json"
    printf '{"error": {"message": "%s", "type": "server_error", "param": null, "code": "overloaded"}}' \
        "$2" >"$1.openai.json"
}

# The rules by which requests get that answer, those to /v1 in OpenAI's words; $2: its condition. The
# request's id is the caller's or a new one, as in the ingress.
refuse() {
    printf '    http-request set-var-fmt(txn.id) req_%%[uuid] if %s\\n' "$2"
    printf '    http-request set-var(txn.id) req.hdr(x-request-id) if { req.hdr(x-request-id) -m reg ^[!-~]{1,200}$ } %s\\n' "$2"
    rule="http-request return status 503 content-type application/json hdr Retry-After 1 hdr X-Request-ID %[var(txn.id)]"
    printf '    %s lf-file %s.openai.json if { path_beg /v1/ } %s\\n' "$rule" "$1" "$2"
    printf '    %s lf-file %s.json if %s' "$rule" "$1" "$2"
}

if [ -n "$config" ]; then
    folder=${config%/*}
    starting="The service is starting or restarting; try again."
    id="%[var(txn.id),json(utf8s)]"
    error "$folder/starting" "$starting" "$id"
    error "$folder/busy" "The service is busy; try again shortly." "$id"
    error "$folder/broken" "$starting" "" # HAProxy sends it as it is
    sed -i \
        -e "/^frontend prometheus/,/^frontend http/ s|bind :[0-9]*$|bind unix@$folder/metrics.http.sock mode 600|" \
        -e "/^listen stats/,\$ s|bind \*:[0-9]*$|bind unix@$folder/stats.http.sock mode 600|" \
        -e "/^ *log .* local0 info$/d" \
        -e "/^ *option splice-request$/d" \
        -e "s|admin.sock mode 666|admin.sock mode 600|" \
        -e "/^frontend http_frontend/a \    http-request disable-l7-retry unless METH_GET" \
        -e "s|^ *http-request return status 404 .*|$(refuse "$folder/starting" TRUE)|" \
        -e "s|^ *default-server .*|& maxconn $SIDECAR_PLACES|" \
        -e "/^backend http-/ s|\$|\n$(refuse "$folder/busy" '{ be_conn_free lt 8 } !{ path_beg /health }')|" \
        "$config"
    printf 'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: %s\r\n\r\n' \
        "$(wc -c <"$folder/broken.json")" | cat - "$folder/broken.json" >"$folder/500.http"
fi
# In a session of its own: Ctrl-C in a terminal is for the launcher, which lets it answer first.
command -v setsid >/dev/null && exec setsid "$SIDECAR_HAPROXY" "$@"
exec "$SIDECAR_HAPROXY" "$@"
