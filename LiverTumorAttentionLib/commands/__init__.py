"""The sub-commands: each adds its options to a parser and makes one call."""
