# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Events as a bridge publishes them, with what a test wants different."""

from __future__ import annotations


def vm_event(fact="started", vm=None, **data):
    return {
        "specversion": "1.0",
        "id": "cadfbbb8-ce59-59a7-be4a-8bb2d4b5e668",
        "source": "/hubs/hub1/clusters/prod-1",
        "type": f"io.virtbridge.vm.{fact}.v1",
        "subject": "prod-1/shop/web-1",
        "time": "2026-11-21T12:00:00.000Z",
        "datacontenttype": "application/json",
        "data": {
            "schema_version": 1,
            "fact": fact,
            "origin": "live",
            "gap": False,
            "burst": False,
            "host": "web-1.shop.prod-1",
            "cluster": {"name": "prod-1", "hub": "hub1"},
            "vm": {
                "name": "web-1",
                "namespace": "shop",
                "uid": "u-1",
                "os": {"family": "linux", "id": "rhel"},
                "labels": {"env": "prod", "app.kubernetes.io/name": "web"},
                **(vm or {}),
            },
            **data,
        },
    }


def cluster_event(fact="unreachable", **data):
    return {
        "specversion": "1.0",
        "id": "5e2b6f5e-55a5-5f7c-8a0e-0e4e0c1d7f10",
        "source": "/clusters/prod-1",
        "type": f"io.virtbridge.cluster.{fact}.v1",
        "subject": "prod-1",
        "time": "2026-11-21T12:00:00.000Z",
        "data": {"schema_version": 1, "fact": fact, "origin": "live", "cluster": {"name": "prod-1", "hub": ""}, **data},
    }


def run_event(fact="host_failed", **data):
    return {
        "specversion": "1.0",
        "id": "d2f1f2a2-4a7d-5b0c-9a3e-3c9a6b6d2f44",
        "source": "/runs",
        "type": f"io.virtbridge.day2.{fact}.v1",
        "subject": "prod-1/shop/web-1",
        "time": "2026-11-21T12:00:00.000Z",
        "data": {
            "schema_version": 1,
            "fact": fact,
            "run": {"id": "r-1", "verb": "onboard", "status": "finished"},
            "host": "web-1.shop.prod-1",
            **data,
        },
    }
