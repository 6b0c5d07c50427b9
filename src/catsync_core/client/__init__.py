"""A device: its repositories, its catalogs, their modes and their state."""
