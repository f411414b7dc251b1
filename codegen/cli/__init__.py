"""The command line: argv, terminal, JSON; one file a command."""
