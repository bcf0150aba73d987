"""The migration: brings the database to the newest schema, one counted step after the other, and ends."""

import time

from service import database, end_at_signal, log

STEPS = (
    ("create the table of measurements",
     "CREATE TABLE IF NOT EXISTS measurement (id INTEGER PRIMARY KEY, at REAL, value REAL)"),
    ("index it by time", "CREATE INDEX IF NOT EXISTS measurement_at ON measurement (at)"),
    ("create the table of runs", "CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, at REAL)"),
    ("note this run", "INSERT INTO run (at) VALUES (strftime('%s', 'now'))"),
    ("forget measurements older than a day", "DELETE FROM measurement WHERE at < strftime('%s', 'now') - 86400"),
)

end_at_signal()
connection = database()
for number, (label, sql) in enumerate(STEPS, start=1):
    log(f"step {number} of {len(STEPS)}: {label}")
    connection.execute(sql)
    time.sleep(0.2)  # so that there is something to watch
log("the database is up to date")
