"""The HTTP service: one tagger behind a bounded queue. `create_app` makes the ASGI application, `serve` runs it."""
