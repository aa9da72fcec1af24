"""Reads what is billed: the pages in the operator's ConfigMaps, and the running hours in statuses."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from poolkeeper.api.accelerator_class import AcceleratorClassSpec
from poolkeeper.api.base import API_VERSION, CLASSES, POOLS
from poolkeeper.controller.billing.keeper import LABEL
from poolkeeper.core.billing import kept, pages
from poolkeeper.core.billing.amounts import Unit
from poolkeeper.core.billing.meter import Meter
from poolkeeper.core.billing.pages import Page
from poolkeeper.core.billing.statement import Source
from poolkeeper.kube.objects.config_maps import list_config_maps
from poolkeeper.kube.transport.client import KubeClient
from poolkeeper.kube.transport.fields import Unreadable, mapping, number, text
from poolkeeper.kube.transport.listing import list_in

Classes = Mapping[str, AcceleratorClassSpec]


class Found(NamedTuple):
    """All that a report is made from."""

    sources: list[Source]
    classes: Classes
    unreadable: int
    """Pages that nobody can read any more."""


async def read(client: KubeClient, operator_namespace: str, namespace: str | None, now: float) -> Found:
    """The bills of one namespace, or of all. Raises KubeFailure."""
    found, unreadable = {}, 0
    for kept_map in await list_config_maps(client, operator_namespace, LABEL):
        for uid, kept_text in kept_map.texts.items():
            page = pages.from_text(kept_text)
            unreadable += page is None
            if page is not None and namespace in (None, page.namespace):
                found[uid] = page
    pools = await list_in(client, [namespace] if namespace else [], API_VERSION, POOLS)
    classes = {}
    for raw in await list_in(client, [], API_VERSION, CLASSES):
        try:
            name = text(mapping(raw.get("metadata")).get("name"))
            classes[name] = AcceleratorClassSpec.model_validate(raw.get("spec"))
        except (Unreadable, ValidationError):
            continue
    sources = [each for raw in pools if (each := _live(raw, found, now)) is not None]
    sources += [
        Source(page.namespace, page.name, page, None, page.most, page.unit) for page in found.values()
    ]
    return Found(
        sorted(sources, key=lambda each: (each.namespace, each.name, each.meter is None)), classes, unreadable
    )


def _live(raw: Mapping[str, Any], found: dict[str, Page], now: float) -> Source | None:
    """A pool that exists, with its page taken out of `found`; None where nothing was ever billed."""
    try:
        metadata, spec = mapping(raw.get("metadata")), mapping(raw.get("spec"))
        uid, namespace, name = (text(metadata.get(key)) for key in ("uid", "namespace", "name"))
        most = number(mapping(spec.get("replicas")).get("max"))
        account = mapping(mapping(raw.get("status")).get("cost")).get("account")
    except Unreadable:
        return None
    page, meter = found.pop(uid, None), kept.from_text(account, now)
    if page is None and meter is None:
        return None
    unit = _last_unit(page, meter)
    return Source(namespace, name, page, meter, most, unit)


def _last_unit(page: Page | None, meter: Meter | None) -> Unit | None:
    if meter is not None and meter.books.total:
        return meter.books.total[-1].unit
    return page.unit if page else None
