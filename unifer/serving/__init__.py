"""`unifer serve`: readings over HTTP and on one page, for many clients of one engine.

Keeps nothing: a photo lives in memory until its answer is sent. `worker` batches, `service` admits and
limits, `uploads` reads what came in, `app` is the HTTP around them, `page` what a browser sees.
"""
