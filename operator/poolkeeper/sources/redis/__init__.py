"""Lists and streams in Redis, read in one batch per server.

In: addresses, names and Secrets. Out: depths, or a `SourceFailure` with the reason. May import: `sources`,
`core`, `api`.
"""
