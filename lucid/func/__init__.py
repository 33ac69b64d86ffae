"""Function transforms."""
