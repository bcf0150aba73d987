"""What an operator would look at, looked at: each check says what it found and what to do."""
