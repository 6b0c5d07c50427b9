"""For those who test against catsync or extend it: a conformance suite, and doubles that fail on demand."""
