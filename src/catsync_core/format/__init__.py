"""Repository format v1: index, head, manifest, frame table. Parsing is strict and bounded; writing is canonical."""
