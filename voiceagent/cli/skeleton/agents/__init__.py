"""The agents of this project, a folder each."""
