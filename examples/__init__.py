"""Short programs, one per use case. Each is complete: copy it and change it."""
