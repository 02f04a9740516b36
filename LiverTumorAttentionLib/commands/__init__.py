"""Sub-commands of the command line: each declares its options and calls the library once."""
