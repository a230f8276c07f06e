# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""A limit to the time that something may take as a whole. Imports nothing of Ansible."""

from __future__ import annotations

import queue
import threading

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


def within(seconds, act):
    """What act gives or raises; InventoryFault when it is not done after that many seconds.

    What Python has for HTTP limits the time to each piece of an answer, and not to all of them: who sends a header letter by letter holds
    it for good. What is given up goes on in a thread that keeps no process from its end.
    """
    done = queue.SimpleQueue()

    def run():
        try:
            done.put((act(), None))
        except BaseException as error:  # whatever it is, it is for who waits
            done.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        found, error = done.get(timeout=seconds)
    except queue.Empty:
        told = f"the answer was not there after {seconds} s: raise timeout if the way to the bridge is that slow"
        raise InventoryFault(told) from None
    if error is not None:
        raise error
    return found
