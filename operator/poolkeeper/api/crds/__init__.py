"""The CustomResourceDefinitions, generated from the pydantic models in `api`.

In: the kinds and their models. Out: structural schemas with defaults and CEL rules. May import: `api`.
"""
