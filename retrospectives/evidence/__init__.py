"""Statistics for short series: 3 to 20 points, one for each sprint. Knows no Django and no database.

Everything is deterministic: permutations are drawn from a fixed seed, so that a report made twice says the same.
"""
