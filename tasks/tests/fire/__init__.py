"""Tasks under fire: each file does one thing to them, counts what came of it, and is run small by the suite and in
full by `bin/bench fire` and `bin/bench chaos`."""
