"""One graph on several devices equals the same graph on one."""
