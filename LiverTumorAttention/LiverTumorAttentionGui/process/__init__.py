"""The child process that runs the command line: script, start, output, cancelling, packages."""
