# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Text that Ansible must never render, whoever wrote it."""

from __future__ import annotations

import re

# What a template begins with, wherever it stands; and what at the beginning of a text says that it begins otherwise.
_TEMPLATE = re.compile(r"\{[{%#]|\A#jinja2:")
# How the script protocol marks it.
UNSAFE = "__ansible_unsafe"


class Untrusted(str):
    """A string that could be a template, or that the bridge marked: data for good, never a template."""


def is_template(text):
    """Whether Ansible, whatever its version, could see a template in the text; such text is data here, wherever it comes from."""
    return _TEMPLATE.search(text) is not None


def marked(value):
    """The value with every Untrusted string as the object that the script protocol has for it."""
    if isinstance(value, Untrusted):
        return {UNSAFE: str(value)}
    if isinstance(value, dict):
        return {key: marked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [marked(item) for item in value]
    return value
