# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""The files of certificates that a bridge is asked with. Imports nothing of Ansible."""

from __future__ import annotations

import ssl

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault


def path_of(name, path):
    """The path of a file, or None without one; an empty file counts as none, as a credential with an empty field makes one.

    Raises InventoryFault, which calls it by its name, when it can not be read.
    """
    if not path:
        return None
    try:
        with open(path, "rb") as stream:
            return path if stream.read(1) else None
    except OSError as error:
        raise InventoryFault(f"{name} can not be read: {error}") from error


def check(ca_cert, client_cert, client_key):
    """Raises InventoryFault when one of these files, each a path or None, can not be used; who asks with it says only that nobody was reached."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_cert:
        try:
            context.load_verify_locations(cafile=ca_cert)
        except (OSError, ValueError) as error:
            raise InventoryFault(f"ca_cert holds no certificate in PEM: {error}") from error
    if client_cert:
        try:
            # With a passphrase it would be asked for at a terminal, where nobody may sit.
            context.load_cert_chain(client_cert, client_key, password=lambda: "")
        except (OSError, ValueError) as error:
            told = "client_cert and client_key are not a certificate and its key in PEM, without a passphrase"
            raise InventoryFault(f"{told}: {error}") from error
