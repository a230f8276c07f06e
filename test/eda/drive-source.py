"""Runs an event source (the path of its file) with arguments (JSON) as ansible-rulebook would, and prints each event as a line of JSON, or why it ended.

With a third argument, the path of a file, it takes no event while that file is not there: an activation that is busy.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import sys


class Printing:
    async def put(self, event):
        while len(sys.argv) > 3 and not os.path.exists(sys.argv[3]):
            await asyncio.sleep(0.05)
        print(json.dumps(event), flush=True)


logging.basicConfig(level=logging.INFO)
try:
    asyncio.run(runpy.run_path(sys.argv[1])["main"](Printing(), json.loads(sys.argv[2])))
except Exception as error:  # What ansible-rulebook tells, whatever it is.
    print(f"{type(error).__name__}: {error}", flush=True)
