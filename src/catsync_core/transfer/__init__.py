"""Fetching what a plan names, and assembling files from it."""
