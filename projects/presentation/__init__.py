"""What the pages show of projects: plain values made from rows, so that a page and its poll cannot differ."""
