"""The commands, a file each; a command is imported when it is called."""
