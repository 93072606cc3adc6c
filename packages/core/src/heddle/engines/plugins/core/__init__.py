"""Core's own plugin: what core brings, described by names; loads nothing."""
