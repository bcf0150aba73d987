"""What the documentation says, taken out of its text: so that tests can try it."""
