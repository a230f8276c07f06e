# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

"""Which strings Ansible may render: C(believe) makes one that it may, C(doubt) one that it never does."""

from __future__ import annotations

try:
    from ansible.template import trust_as_template

    believe = trust_as_template
    # What is not trusted is never rendered.
    doubt = str
except ImportError:  # ansible-core 2.18 and earlier: every string is rendered, unless it is wrapped
    from ansible.utils.unsafe_proxy import wrap_var

    doubt = wrap_var
    # Of a text that a template made of an unsafe one, str() is unsafe again.
    believe = str.__str__
