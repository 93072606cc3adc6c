"""`heddle serve`: a bundle behind HTTP.

- `options`: ServeOptions, what may be set; `limits`: what is refused before a body is parsed
- `service`: scores and appends of concurrent requests, in batches; `application`: the ASGI application; `metrics`
- `serve`: the application on uvicorn, until it is stopped
"""
