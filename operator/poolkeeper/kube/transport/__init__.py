"""How the API server is called: login, limits, retries, typed failures.

In: paths and bodies. Out: parsed answers or a `KubeFailure` with a reason and advice. May import:
`core.values`, `api`.
"""
