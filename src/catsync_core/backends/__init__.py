"""Stores of bytes by key, and what every one of them needs around it."""
