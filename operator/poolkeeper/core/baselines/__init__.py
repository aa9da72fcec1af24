"""What other autoscalers would do: models of KEDA, Knative and the HPA, with their rules and sources.

The backtest replays traces against them, and the controller the requests that it sees (`virtual_pool`), for
the bill. A model keeps state and has no clock: each call names its time. May import: nothing.
"""
