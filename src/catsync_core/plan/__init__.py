"""What a transfer will do, with exact bytes and requests, before it does it. Pure functions over data."""
