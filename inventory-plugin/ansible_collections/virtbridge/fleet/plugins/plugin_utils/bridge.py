# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a bridge for an inventory, with what Ansible has for HTTP."""

from __future__ import annotations

import os
import time
from http.client import HTTPException
from urllib.error import HTTPError

from ansible.module_utils.urls import Request
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import endpoint
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.answer import text_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.kept import Kept

_BODY_OF_ERROR = 64 * 1024


class Bridge:
    """A bridge as the options of a plugin describe it. option: a function from an option's name to its value; tell: prints a line for -vv."""

    def __init__(self, option, tell):
        self._option = option
        self._tell = tell
        self.token = _token(option)

    def ask(self, address, etag=None):
        """The Kept of a whole answer, or None when the bridge says that the one with this entity tag still holds.

        Asks again, as often as the options say, when that is of use; raises InventoryFault for whatever else comes.
        """
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/json",
            "Accept-Encoding": endpoint.ENCODINGS,
            **({"If-None-Match": etag} if etag else {}),
        }
        request = Request(
            headers=headers,
            http_agent="virtbridge.fleet.vms",
            validate_certs=self._option("validate_certs"),
            ca_path=self._file("ca_cert"),
            client_cert=self._file("client_cert"),
            client_key=self._file("client_key"),
            timeout=self._option("timeout"),
            follow_redirects="none",
            # It would put a password for this host in the token's place.
            use_netrc=False,
            # Ansible's own unpacks without a limit, and before 2.17 not what comes in chunks.
            decompress=False,
        )
        return self._ask(request, address, etag)

    def _ask(self, request, address, etag):
        retries = self._option("retries")
        attempt = 0
        while True:
            status, retry_after, answer = self._once(request, address)
            if isinstance(answer, Kept):
                return answer
            if status == 304 and etag:
                return None
            reason = endpoint.without(answer, self.token)
            pause = endpoint.pause_before_retry(status, retry_after, attempt)
            if pause is None or attempt >= retries:
                raise InventoryFault(reason if attempt == 0 else f"{reason} (asked {attempt + 1} times)")
            self._tell(f"virtbridge: {reason}; asking again in {pause} s")
            time.sleep(pause)
            attempt += 1

    def _once(self, request, address):
        """Asks once: the status (None without an answer), Retry-After, and the Kept or, as text, why there is none."""
        seconds = self._option("timeout")
        try:
            response = request.get(address)
            if response.status != 200:
                return response.status, None, endpoint.refusal(response.status, b"")
            endpoint.check_type(response.headers.get("Content-Type"))
            packing = response.headers.get("Content-Encoding")
            limit = self._option("max_response_mb") * 1000000
            body = endpoint.read_bounded(response, limit, seconds * endpoint.PATIENCE, packing)
            return 200, None, Kept(text_of(body), endpoint.checked_etag(response.headers.get("ETag")))
        except HTTPError as error:
            retry_after = error.headers.get("Retry-After")
            return error.code, retry_after, endpoint.refusal(error.code, _beginning(error), retry_after)
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", None) or error
            if isinstance(cause, TimeoutError):
                return None, None, f"it did not answer within {seconds} s: raise timeout, or look at what is between here and it"
            return None, None, f"it was not reached, or hung up ({cause}): check url, ca_cert and the way to it"

    def _file(self, name):
        path = self._option(name)
        if not path:
            return None
        try:
            return path if os.stat(path).st_size > 0 else None
        except OSError as error:
            raise InventoryFault(f"{name} can not be read: {error}") from error


def _token(option):
    token = option("token")
    if token:
        return endpoint.checked_token(token)
    file = option("token_file")
    if not file:
        raise InventoryFault("there is no token: set token, token_file, VIRTBRIDGE_TOKEN or VIRTBRIDGE_TOKEN_FILE")
    try:
        with open(file, encoding="utf-8") as stream:
            return endpoint.checked_token(stream.read(65536))
    except (OSError, UnicodeDecodeError) as error:
        # Without the path: it may be the token itself, put into the wrong option.
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InventoryFault(f"the file that token_file (VIRTBRIDGE_TOKEN_FILE) names can not be read: {reason}") from None


def _beginning(error):
    try:
        return error.read(_BODY_OF_ERROR)
    except (OSError, EOFError, HTTPException, ValueError):
        return b""
