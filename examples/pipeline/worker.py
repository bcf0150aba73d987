"""The worker: one measurement a second, to the database and to the log."""

import math
import sqlite3
import time

from service import database, end_at_signal, log

end_at_signal()
connection = database()
log("measuring once a second")
number = 0
while True:
    now = time.time()
    value = round(21 + 3 * math.sin(now / 20) + math.sin(now * 1.7), 2)
    try:
        connection.execute("INSERT INTO measurement (at, value) VALUES (?, ?)", (now, value))
        number += 1
        log(f"measurement {number}: {value:.2f} °C")
    except sqlite3.OperationalError as error:
        log(f"cannot write: {error}; was the migration run?")
    time.sleep(1)
