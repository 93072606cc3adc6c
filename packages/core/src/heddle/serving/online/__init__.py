"""`heddle serve`: a bundle behind HTTP.

- `options`: ServeOptions, what may be set; `limits`: what is refused before a body is parsed
- `service`: scores and appends of concurrent requests, in batches; `application`: the ASGI application; `metrics`
- `http`: what every application does with requests; `programs`: the application of models of named tensors
- `requests`: bodies to rows, in JSON; `arrow_rows`: in Arrow's streams; `page`: the page at / and what it shows
- `serve`: the application on uvicorn, until it is stopped
- `readers`: its further processes; `reader`, `reading`: one of them; `peers`, `sockets`: how they ask each other
- `grpc`: the Open Inference Protocol by gRPC; `watching`: counts for the drift report; `request_log`: a line a request
- `following`: a server that repeats the appends of one on another machine
"""
