# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a virtbridge; for every plugin of this collection."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Address of the bridge, without C(/api).
    type: str
    required: true
    env:
      - name: VIRTBRIDGE_URL
  token:
    description:
      - Bearer token that may read the inventory.
      - Prefer O(token_file) or the environment over writing it into a file that others can read.
    type: str
    env:
      - name: VIRTBRIDGE_TOKEN
  token_file:
    description:
      - Path of a file that holds the token and nothing else. Read when O(token) is not set.
    type: path
    env:
      - name: VIRTBRIDGE_TOKEN_FILE
  ca_cert:
    description:
      - Path of a PEM file with the authority that signed the bridge's certificate.
      - An empty file counts as none, as a credential with an empty field makes one.
    type: path
    env:
      - name: VIRTBRIDGE_CA_CERT
  client_cert:
    description:
      - Path of a PEM file with the certificate to show to the bridge, or to what stands before it.
      - It may hold the key too. An empty file counts as none.
    type: path
    env:
      - name: VIRTBRIDGE_CLIENT_CERT
  client_key:
    description:
      - Path of a PEM file with the key of O(client_cert), without a passphrase. An empty file counts as none.
    type: path
    env:
      - name: VIRTBRIDGE_CLIENT_KEY
  validate_certs:
    description:
      - Whether the bridge must prove who it is. Without it anybody on the way can read the token.
      - A boolean. What is neither true nor false is an error here, as Ansible would take it for false; an empty variable counts as none.
    type: raw
    default: true
    env:
      - name: VIRTBRIDGE_VALIDATE_CERTS
  timeout:
    description:
      - Seconds to wait for the bridge to answer, and for each piece of its answer.
      - The whole of it, from the connection to the last byte, may take ten times as long.
    type: int
    default: 60
    env:
      - name: VIRTBRIDGE_TIMEOUT
  retries:
    description:
      - How often to ask again when the bridge is not reached, or is not ready (429, 500, 502, 503, 504).
      - The C(Retry-After) of its answer is honoured up to 30 seconds a time.
    type: int
    default: 3
    env:
      - name: VIRTBRIDGE_RETRIES
  max_response_mb:
    description:
      - Largest answer to accept, in megabytes after decompression. 10,000 hosts take about 10, and a tenth of that on the way.
    type: int
    default: 512
    env:
      - name: VIRTBRIDGE_MAX_RESPONSE_MB
"""
