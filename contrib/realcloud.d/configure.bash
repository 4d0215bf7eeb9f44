# shellcheck shell=bash disable=SC2154
# What contrib/realcloud writes into its state directory. Sourced, never run.
# Reads: state keystone_url glance_port glance_url endpoint_id token_ttl limits and password().

readonly share=/usr/share/glance-common

write_keystone_conf() {
  cat <<CONF
[DEFAULT]
log_file = $state/keystone/keystone.log
[database]
connection = sqlite:///$state/keystone/keystone.sqlite
sqlite_synchronous = false
[token]
provider = fernet
expiration = $token_ttl
[auth]
methods = password,token,application_credential,totp
[fernet_tokens]
key_repository = $state/keystone/fernet
[fernet_receipts]
key_repository = $state/keystone/receipts
[credential]
key_repository = $state/keystone/credentials
[identity]
# The cheapest hash there is: logins of a throw-away cloud should not wait for bcrypt.
password_hash_rounds = 4
CONF
}

# Two stores for copies, and http so that an administrator can point an image at a URL: the one
# store of these three that refuses ranges.
write_glance_conf() {
  cat <<CONF
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $glance_port
workers = 2
log_file = $state/glance/glance-api.log
enabled_backends = fast:file, slow:file, web:http
enabled_import_methods = [glance-direct,web-download,copy-image]
show_multiple_locations = true
metadata_source_path = $share/metadefs
use_keystone_limits = $([[ $limits == yes ]] && echo true || echo false)
user_storage_quota = ${GLANCEFS_STORAGE_QUOTA:-0}
[database]
connection = sqlite:///$state/glance/glance.sqlite
sqlite_synchronous = false
[paste_deploy]
flavor = keystone
config_file = $state/glance/glance-api-paste.ini
[oslo_policy]
policy_file = $state/glance/policy.yaml
policy_dirs = $state/glance/policy.d
[glance_store]
default_backend = fast
[fast]
filesystem_store_datadir = $state/glance/fast
[slow]
filesystem_store_datadir = $state/glance/slow
[web]
[os_glance_staging_store]
filesystem_store_datadir = $state/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $state/glance/tasks
[import_filtering_opts]
allowed_schemes = [http]
allowed_hosts = [127.0.0.1,localhost]
allowed_ports = []
[keystone_authtoken]
$(write_service_login)
www_authenticate_uri = $keystone_url
[oslo_limit]
$(write_service_login system)
endpoint_id = $endpoint_id
CONF
}

# The login of the service user, scoped to its project or, for reading limits, to the system.
write_service_login() {
  cat <<CONF
auth_type = password
auth_url = $keystone_url
username = glance
user_domain_id = default
password = $(password glance)
CONF
  if [[ ${1-} == system ]]; then
    echo 'system_scope = all'
  else
    printf '%s\n' 'project_name = service' 'project_domain_id = default'
  fi
}

# Debian's glance-api-uwsgi.ini with fewer processes: what it says about bodies, lengths and
# timeouts is what makes this flavour behave differently.
write_glance_uwsgi() {
  cat <<CONF
[uwsgi]
http-socket = 127.0.0.1:$glance_port
plugins = python3
wsgi-file = $state/glance/wsgi.py
master = true
processes = 2
threads = 8
enable-threads = true
lazy-apps = true
thunder-lock = true
buffer-size = 65535
rem-header = Content-Length
add-header = Connection: close
socket-timeout = 10
http-auto-chunked = true
http-chunked-input = true
http-raw-body = true
wsgi-manage-chunked-input = true
no-orphans = true
die-on-term = true
disable-logging = true
CONF
}

write_plan() {
  printf '{"keystone_url":"%s","glance_url":"%s","endpoint_id":"%s","limits":{' \
    "$keystone_url" "$glance_url" "$endpoint_id"
  if [[ $limits == yes ]]; then
    printf '"%s":%d,"%s":%d,"%s":%d,"%s":%d' \
      image_size_total "${GLANCEFS_LIMIT_SIZE_TOTAL:-1000}" \
      image_stage_total "${GLANCEFS_LIMIT_STAGE_TOTAL:-1000}" \
      image_count_total "${GLANCEFS_LIMIT_COUNT_TOTAL:-100}" \
      image_count_uploading "${GLANCEFS_LIMIT_COUNT_UPLOADING:-10}"
  fi
  printf '},"passwords":{"admin":"%s","demo":"%s","other":"%s","glance":"%s"}}\n' \
    "$(password admin)" "$(password demo)" "$(password other)" "$(password glance)"
}

configure() {
  mkdir -p "$state"/keystone "$state"/glance/{fast,slow,staging,tasks,policy.d}
  write_keystone_conf >"$state/keystone/keystone.conf"
  write_glance_conf >"$state/glance/glance-api.conf"
  write_glance_uwsgi >"$state/glance/uwsgi.ini"
  cp $share/glance-api-paste.ini $share/schema-image.json "$state/glance/"
  sed -i "s|/etc/glance/|$state/glance/|" "$state/glance/glance-api-paste.ini"
  echo '"set_image_location": "role:admin"' >"$state/glance/policy.yaml"
  printf '%s\n' 'import sqlite_transactions  # noqa: F401' 'from glance.common.wsgi_app import init_app' \
    'application = init_app()' >"$state/glance/wsgi.py"
}
