"""Files from where the user put them, or from their public address, whole or not at all.

download.py   obtain: the files that a reader wants
record.py     what was fetched: sizes and checksums
temporary.py  a name to write under before a file takes its place
"""
