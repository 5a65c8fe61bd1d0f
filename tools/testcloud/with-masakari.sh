# shellcheck shell=bash
# Sourced by up.sh: Masakari's API, which keeps failover segments and their hosts.
# Its engine does not run: nobody's servers are to be started elsewhere here. Only
# it needs [taskflow] connection, whose tables Debian's taskflow can't make.
conf_masakari() {
    mkdir -p "$TC_ETC/masakari"
    cat > "$TC_ETC/masakari/masakari.conf" <<CONF
[DEFAULT]
use_stderr = true
transport_url = $(mq_url)
auth_strategy = keystone
masakari_api_listen = $TESTCLOUD_HOST
masakari_api_listen_port = $PORT_MASAKARI
masakari_api_workers = 1
os_privileged_user_name = nova
os_privileged_user_password = $TESTCLOUD_PASSWORD
os_privileged_user_tenant = service
os_privileged_user_auth_url = http://$TESTCLOUD_HOST:$PORT_KEYSTONE/v3
os_region_name = $TESTCLOUD_REGION
nova_catalog_admin_info = compute:nova:publicURL
[database]
connection = $(db_url masakari)
[wsgi]
api_paste_config = $TC_ETC/masakari/api-paste.ini
[keystone_authtoken]
www_authenticate_uri = http://$TESTCLOUD_HOST:$PORT_KEYSTONE/v3
$(auth_section masakari)
CONF
    # Debian's oslo.messaging strips the context of a notification, and Masakari's
    # can't be made of what is left: without this every change is answered with 500
    cat > "$TC_LIB/masakari_api.py" <<'PY'
from masakari.cmd import api
from masakari import context

made = context.RequestContext.__init__


def make(self, *args, **kwargs):
    if kwargs.get('read_deleted', 'no') is None:
        kwargs['read_deleted'] = 'no'
    made(self, *args, **kwargs)


context.RequestContext.__init__ = make
api.main()
PY
    # as Masakari's, which only the package that starts services has
    cat > "$TC_ETC/masakari/api-paste.ini" <<CONF
[composite:masakari_api]
use = call:masakari.api.urlmap:urlmap_factory
/: apiversions
/v1: masakari_api_v1
[composite:masakari_api_v1]
use = call:masakari.api.auth:pipeline_factory_v1
keystone = request_id faultwrap sizelimit authtoken keystonecontext app_v1
[filter:request_id]
paste.filter_factory = oslo_middleware:RequestId.factory
[filter:faultwrap]
paste.filter_factory = masakari.api.openstack:FaultWrapper.factory
[filter:sizelimit]
paste.filter_factory = oslo_middleware:RequestBodySizeLimiter.factory
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
[filter:keystonecontext]
paste.filter_factory = masakari.api.auth:MasakariKeystoneContext.factory
[app:app_v1]
paste.app_factory = masakari.api.openstack.ha:APIRouterV1.factory
[pipeline:apiversions]
pipeline = faultwrap apiversionsapp
[app:apiversionsapp]
paste.app_factory = masakari.api.openstack.ha.versions:Versions.factory
CONF
}
masakari_init() {
    # the cloud may be older than this service
    db -e "CREATE DATABASE IF NOT EXISTS \`${TESTCLOUD_DB_PREFIX}masakari\` CHARACTER SET utf8;
GRANT ALL ON \`${TESTCLOUD_DB_PREFIX}masakari\`.* TO 'testcloud'@'%';
GRANT ALL ON \`${TESTCLOUD_DB_PREFIX}masakari\`.* TO 'testcloud'@'localhost';" &&
    tc_run masakari-manage --config-file "$TC_ETC/masakari/masakari.conf" db sync \
        >>"$TC_LOG/masakari-manage.log" 2>&1
}
start_masakari() {
    daemon masakari-api /usr/bin/python3 "$TC_LIB/masakari_api.py" \
        --config-file "$TC_ETC/masakari/masakari.conf" &&
    wait_http "http://$TESTCLOUD_HOST:$PORT_MASAKARI/" masakari-api
}
