"""The stream of events under fire: writers at once, and everything that carries their events killed at random."""
