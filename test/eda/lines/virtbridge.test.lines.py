"""An event source for tests: each line of the file `path` is an event, as JSON. Follows the file as it grows and never ends."""

from __future__ import annotations

import asyncio
import json


async def main(queue, args):
    with open(args["path"], encoding="utf-8") as lines:
        line = ""
        while True:
            line += lines.readline()
            if not line.endswith("\n"):
                await asyncio.sleep(0.02)
                continue
            await queue.put(json.loads(line))
            line = ""
