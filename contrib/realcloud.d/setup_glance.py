"""Fill an empty Glance database: the schema and the metadata definitions.

One process instead of two runs of glance-manage, which spend most of their time on imports.
"""

import sqlite3
import sys

from glance.cmd import manage
from glance.common import config
from glance.db.sqlalchemy import api
from glance.db.sqlalchemy import metadata
from oslo_log import log


def main(config_file):
    log.register_options(config.CONF)
    config.parse_args(args=["--config-file", config_file], default_config_files=[])
    config.set_config_defaults()
    log.setup(config.CONF, "glance")
    manage.DbCommands().sync()
    # Whoever reads outside a transaction must not stop the one that writes.
    with sqlite3.connect(config.CONF.database.connection.removeprefix("sqlite:///")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    metadata.db_load_metadefs(api.get_engine(), config.CONF.metadata_source_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
