"""An engine of another author, on torch by heddle-torch. See README.md."""

__version__ = "0.1.0"
