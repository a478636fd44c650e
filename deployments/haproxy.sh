#!/bin/sh
# What Ray Serve starts as its HAProxy; it becomes the real one after putting right what Serve's
# configuration leaves open: the statistics, which would listen on every interface, move to sockets
# in the configuration's own folder; the socket that administers it is for its user alone; requests
# are logged by the ingress, not to a syslog; requests are not spliced in the kernel, or HAProxy 2.8
# doesn't see a caller leave who sent a small body in a packet of its own; and when no replica of the
# ingress answers, or Serve knows no application yet, callers hear of it as of every other error.
for argument; do
    [ "$previous" = -f ] && config=$argument
    previous=$argument
done
if [ -n "$config" ]; then
    folder=${config%/*}
    sed -i \
        -e "/^frontend prometheus/,/^frontend http/ s|bind :[0-9]*$|bind unix@$folder/metrics.http.sock mode 600|" \
        -e "/^listen stats/,\$ s|bind \*:[0-9]*$|bind unix@$folder/stats.http.sock mode 600|" \
        -e "/^ *log .* local0 info$/d" \
        -e "/^ *option splice-request$/d" \
        -e "s|admin.sock mode 666|admin.sock mode 600|" \
        -e "/^frontend http_frontend/a \    http-request disable-l7-retry unless METH_GET" \
        -e "s|http-request return status 404 .*|http-request return status 503 content-type application/json file $folder/starting.json hdr Retry-After 1|" \
        "$config"
    body='{"request_id": "", "status": "error", "payload": {}, "error": "The service is starting or restarting; try again.", "detail": "The service is starting or restarting; try again.", "code": "overloaded", "retryable": true}'
    printf '%s' "$body" >"$folder/starting.json"
    printf 'HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\nContent-Length: %s\r\n\r\n%s' \
        "${#body}" "$body" >"$folder/500.http"
fi
# In a session of its own: Ctrl-C in a terminal is for the launcher, which lets it answer first.
command -v setsid >/dev/null && exec setsid "$SIDECAR_HAPROXY" "$@"
exec "$SIDECAR_HAPROXY" "$@"
