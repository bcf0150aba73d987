"""How fast Hub is: `bin/bench`. Ratios within one run against the plain thing, and figures with their bounds."""
