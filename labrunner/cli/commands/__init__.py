"""One file per command, each with its `command`; imported only when the command is used."""
