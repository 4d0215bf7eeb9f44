"""Fill an empty Keystone: schema, keys, roles, projects, users, endpoints and limits.

Works on Keystone's own managers in one process, because every run of keystone-manage or of the
openstack command spends seconds on imports. Reads a JSON description from standard input, so that
no password is ever an argument of a process; prints nothing.
"""

import json
import os
import sqlite3
import sys
import uuid

from keystone.cmd import bootstrap
from keystone.common import fernet_utils
from keystone.common import provider_api
from keystone.common.sql import upgrades
import keystone.conf
import keystone.server

PROVIDERS = provider_api.ProviderAPIs
REGION = "RegionOne"


def new_id():
    return uuid.uuid4().hex


def let_readers_and_writer_coexist(conf):
    """Keystone deletes application credentials while another of its own connections still reads;
    with sqlite's rollback journal it then waits for itself until it fails with 'database is locked'.
    """
    with sqlite3.connect(conf.database.connection.removeprefix("sqlite:///")) as database:
        database.execute("PRAGMA journal_mode = WAL")


def create_keys(conf):
    for group in ("fernet_tokens", "fernet_receipts", "credential"):
        section = getattr(conf, group)
        active = getattr(section, "max_active_keys", 3)
        keys = fernet_utils.FernetUtils(section.key_repository, active, group)
        os.makedirs(section.key_repository, mode=0o700, exist_ok=True)
        keys.initialize_key_repository()


def bootstrap_admin(plan):
    work = bootstrap.Bootstrapper()
    work.admin_username = work.project_name = work.admin_role_name = "admin"
    work.admin_password = plan["passwords"]["admin"]
    work.service_name = "keystone"
    work.region_id = REGION
    work.public_url = work.internal_url = work.admin_url = plan["keystone_url"]
    work.immutable_roles = True
    work.bootstrap()
    return work


def create_project(name):
    project = {"id": new_id(), "name": name, "domain_id": "default", "enabled": True,
               "description": ""}
    PROVIDERS.resource_api.create_project(project["id"], project)
    return project["id"]


def create_user(name, password, project_id, role_id):
    user = PROVIDERS.identity_api.create_user(
        {"name": name, "password": password, "domain_id": "default", "enabled": True})
    PROVIDERS.assignment_api.add_role_to_user_and_project(
        user_id=user["id"], project_id=project_id, role_id=role_id)
    return user["id"]


def create_image_service(url, public_endpoint_id):
    """Registers Glance and returns the id of the service."""
    service = {"id": new_id(), "name": "glance", "type": "image", "enabled": True}
    PROVIDERS.catalog_api.create_service(service["id"], service)
    for interface in ("public", "internal", "admin"):
        endpoint_id = public_endpoint_id if interface == "public" else new_id()
        PROVIDERS.catalog_api.create_endpoint(endpoint_id, {
            "id": endpoint_id, "interface": interface, "region_id": REGION,
            "service_id": service["id"], "url": url, "enabled": True})
    return service["id"]


def create_limits(service_id, limits):
    PROVIDERS.unified_limit_api.create_registered_limits([
        {"id": new_id(), "service_id": service_id, "region_id": REGION, "resource_name": name,
         "default_limit": value, "description": ""}
        for name, value in limits.items()])


def main(config):
    plan = json.load(sys.stdin)
    keystone.server.configure(config_files=[config])
    upgrades.offline_sync_database_to_version(None)
    let_readers_and_writer_coexist(keystone.conf.CONF)
    create_keys(keystone.conf.CONF)
    admin = bootstrap_admin(plan)
    for name in ("demo", "other"):
        create_user(name, plan["passwords"][name], create_project(name), admin.member_role_id)
    glance = create_user("glance", plan["passwords"]["glance"], create_project("service"),
                         admin.admin_role_id)
    # What oslo.limit needs to read every project's limits.
    PROVIDERS.assignment_api.create_system_grant_for_user(glance, admin.reader_role_id)
    service_id = create_image_service(plan["glance_url"], plan["endpoint_id"])
    if plan["limits"]:
        create_limits(service_id, plan["limits"])


if __name__ == "__main__":
    arguments, sys.argv[1:] = sys.argv[1:], []  # Keystone parses what is left there.
    main(*arguments)
