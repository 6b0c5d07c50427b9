"""From a folder to a new version in a repository."""
