"""Lets several workers of Glance share one sqlite file.

Glance reads a record and writes it back in one transaction. Begun the ordinary way, such a
transaction fails with 'database is locked' whenever another one has written in between: requests
answer 500, and imports that fail in this way hold their image for an hour. MySQL, for which the
code is made, waits instead; so does sqlite when the lock for writing is taken at the beginning.
"""

from sqlalchemy import engine
from sqlalchemy import event


@event.listens_for(engine.Engine, "before_cursor_execute", retval=True)
def begin_for_writing(connection, _cursor, statement, parameters, _context, _executemany):
    if statement == "BEGIN" and connection.dialect.name == "sqlite":
        statement = "BEGIN IMMEDIATE"
    return statement, parameters
