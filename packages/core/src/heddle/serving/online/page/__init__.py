"""The page at /: the model's card, the server's load, and a form to try a row; it loads nothing from anywhere else.

- `page`: the page, without anything of a model in it, so that it needs no token
- `facts`: what it asks for at /v2/page: the card, what the model isn't for, the form; `example`: a row to begin with
"""
