"""Pods that wait: what their events say of it. In: pods and the API server. Out: a reason and words."""
