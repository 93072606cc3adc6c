"""Formats of files, read with errors that name the file and the row; nothing is unpickled freely.

text_files.py  numbers and text, plain or gzipped
columns.py     tables with named columns
arrays.py      .npy and .npz
archives.py    zip and tar, none of whose files leaves its folder
pickles.py     arrays and plain containers out of a pickle that nobody vouches for
ntriples.py    RDF 1.1 N-Triples
"""
