# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Expressions so plain that no template engine is needed: a path through a host's variables, a quoted text, the two compared.

Imports nothing of Ansible. A template engine compiles an expression anew for each host, which is where constructed
inventories spend their time. What is not plain here is the template engine's, so nothing has to be understood by halves.
"""

from __future__ import annotations

import math
import re

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import is_template

MAX_EXPRESSION = 1000

_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"
_TEXT = r"'[^'\\{}]*'|\"[^\"\\{}]*\""
_STEP = rf"\.(?P<name>{_IDENTIFIER})|\[(?P<text>{_TEXT})\]|\[(?P<index>[0-9]{{1,6}})\]"
_STEPS = re.compile(_STEP)
_PATH_TEXT = rf"{_IDENTIFIER}(?:\.{_IDENTIFIER}|\[(?:{_TEXT})\]|\[[0-9]{{1,6}}\])*"
_PATH = re.compile(_PATH_TEXT)
_LITERAL = re.compile(_TEXT)
_EQUALITY = re.compile(rf"({_PATH_TEXT})\s*(==|!=)\s*({_TEXT})")
_NEGATION = re.compile(rf"not\s+({_PATH_TEXT})")
_FIRST = re.compile(_IDENTIFIER)

# Words of the template language, which are no variables.
_WORDS = frozenset(("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else"))
# A template takes `labels.items` for the method of a dictionary.
_METHODS = frozenset(name for kind in (dict, list, str) for name in dir(kind))
# Nothing but a host has variables called like this; any other name may also be a global of the template engine.
_OURS = ("kubevirt_", "day2_", "ansible_")


class Missing(Exception):
    """The host has nothing at the end of the path."""


class NotPlain(Exception):
    """The expression is plain, but what this host has there is for the template engine to judge."""


def plain(text):
    """A function of a host's variables that tells the value of a plain expression, or None when the text is not plain.

    The function raises Missing where a template would be undefined, and NotPlain where only a template engine knows.
    """
    if not isinstance(text, str) or len(text) > MAX_EXPRESSION:
        return None
    text = text.strip()
    if _LITERAL.fullmatch(text):
        value = text[1:-1]
        return lambda variables: value
    return _path(text) if _PATH.fullmatch(text) else None


def constant(value):
    """A function that tells a number or a boolean that stands where an expression may, or None when it is something else.

    Ansible up to 2.18 takes it for what it says, and 2.19 refuses all that is not a text: ansible_port: 22 would be left out.
    """
    if isinstance(value, bool):
        return lambda variables: value
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    # Without what Ansible tags the values of a file with.
    number = int(value) if isinstance(value, int) else float(value)
    return lambda variables: number


def condition(text):
    """As plain, of an expression that is true or false: a variable that is a boolean, `not` one, or one compared with a text."""
    if not isinstance(text, str) or len(text) > MAX_EXPRESSION:
        return None
    text = text.strip()
    equality = _EQUALITY.fullmatch(text)
    if equality:
        read, wanted = _path(equality.group(1)), equality.group(3)[1:-1]
        if read is None:
            return None
        same = equality.group(2) == "=="
        return lambda variables: (read(variables) == wanted) is same
    negation = _NEGATION.fullmatch(text)
    if negation:
        read = _path(negation.group(1))
        return read and (lambda variables: not _boolean(read(variables)))
    read = _path(text) if _PATH.fullmatch(text) else None
    return read and (lambda variables: _boolean(read(variables)))


def _boolean(value):
    if not isinstance(value, bool):
        # Versions of Ansible differ in what else they take for a condition.
        raise NotPlain
    return value


def _holds_template(value):
    if isinstance(value, str):
        return is_template(value)
    if isinstance(value, dict):
        return any(_holds_template(item) for item in value.values())
    return isinstance(value, list) and any(_holds_template(item) for item in value)


def _path(text):
    first = _FIRST.match(text).group()
    steps = []
    for step in _STEPS.finditer(text, len(first)):
        name = step.group("name")
        if name is not None and (name in _METHODS or name in _WORDS):
            return None
        quoted = step.group("text")
        index = step.group("index")
        steps.append(name if name is not None else quoted[1:-1] if quoted is not None else int(index))
    if first in _WORDS:
        return None
    ours = first.startswith(_OURS)

    def read(variables):
        if first not in variables:
            raise Missing if ours else NotPlain
        value = variables[first]
        for step in steps:
            if isinstance(step, str) and isinstance(value, dict):
                if step not in value:
                    raise Missing
            elif isinstance(step, int) and isinstance(value, list):
                if step >= len(value):
                    raise Missing
            else:
                raise NotPlain
            value = value[step]
        # Another source, or an extra variable, may be a template; that of a guest is given back as it is.
        if _holds_template(value):
            raise NotPlain
        return value

    return read
