"""Runs an event source (the path of its file) with arguments (JSON) as ansible-rulebook would, and prints each event as a line of JSON, or why it ended."""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
import sys


class Printing:
    async def put(self, event):
        print(json.dumps(event), flush=True)


logging.basicConfig(level=logging.INFO)
try:
    asyncio.run(runpy.run_path(sys.argv[1])["main"](Printing(), json.loads(sys.argv[2])))
except Exception as error:  # What ansible-rulebook tells, whatever it is.
    print(f"{type(error).__name__}: {error}", flush=True)
