"""The kinds that users declare, as pydantic models: the single source of the CRDs."""
