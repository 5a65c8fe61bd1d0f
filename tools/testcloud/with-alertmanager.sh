# shellcheck shell=bash
# Sourced by up.sh: Prometheus's Alertmanager, alone and with nobody to tell.
conf_alertmanager() {
    mkdir -p "$TC_ETC/alertmanager" "$TESTCLOUD_DIR/alertmanager"
    cat > "$TC_ETC/alertmanager/alertmanager.yml" <<'CONF'
route:
  receiver: nobody
receivers:
  - name: nobody
CONF
}
alertmanager_init() { :; }
start_alertmanager() {
    daemon alertmanager /usr/bin/prometheus-alertmanager \
        --config.file="$TC_ETC/alertmanager/alertmanager.yml" \
        --storage.path="$TESTCLOUD_DIR/alertmanager" \
        --web.listen-address="$TESTCLOUD_HOST:$PORT_ALERTMANAGER" \
        --cluster.listen-address= &&
    wait_http "http://$TESTCLOUD_HOST:$PORT_ALERTMANAGER/-/ready" alertmanager
}
