# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0
"""Asks a bridge for an inventory, with what Ansible has for HTTP."""

from __future__ import annotations

import os
import time
from http.client import HTTPException
from ssl import SSLCertVerificationError
from urllib.error import HTTPError

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.module_utils.urls import Request
from ansible_collections.virtbridge.fleet.plugins.plugin_utils import certificates, endpoint
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.answer import text_of
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.deadline import within
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.kept import Kept


class Bridge:
    """A bridge as the options of a plugin describe it. option: a function from an option's name to its value; tell: prints a line for -vv."""

    def __init__(self, option, tell):
        self._option = option
        self._tell = tell
        self._validates = _validates(option("validate_certs"))
        for name, least in (("timeout", 1), ("retries", 0), ("max_response_mb", 1)):
            if option(name) < least:
                raise InventoryFault(f"{name} must be {least} or more, and is {option(name)}")
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
        ca_cert, client_cert, client_key = (_file(self._option, name) for name in ("ca_cert", "client_cert", "client_key"))
        certificates.check(ca_cert, client_cert, client_key)
        request = Request(
            headers=headers,
            http_agent="virtbridge.fleet.vms",
            validate_certs=self._validates,
            ca_path=ca_cert,
            client_cert=client_cert,
            client_key=client_key,
            timeout=self._option("timeout"),
            follow_redirects="none",
            # It would put a password for this host in the token's place.
            use_netrc=False,
            # Ansible's own unpacks without a limit, and before 2.17 not what comes in chunks.
            decompress=False,
        )
        try:
            return self._ask(request, address, etag)
        except InventoryFault as fault:
            raise InventoryFault(endpoint.without(str(fault), self.token)) from None

    def _ask(self, request, address, etag):
        retries = self._option("retries")
        whole = self._option("timeout") * endpoint.PATIENCE
        attempt = 0
        while True:
            status, retry_after, answer = within(whole, lambda: self._once(request, address))
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
            return error.code, retry_after, endpoint.refusal(error.code, endpoint.said_with(error, seconds), retry_after)
        except (OSError, HTTPException) as error:
            cause = getattr(error, "reason", None) or error
            if isinstance(cause, SSLCertVerificationError):
                raise InventoryFault(endpoint.not_believed(cause)) from error
            if isinstance(cause, TimeoutError):
                return None, None, f"it did not answer within {seconds} s: raise timeout, or look at what is between here and it"
            return None, None, f"it was not reached, or hung up ({cause}): check url, ca_cert and the way to it"


def _validates(given):
    """Whether the bridge must prove who it is. Ansible takes what is neither true nor false, as a slip is, for false."""
    try:
        return True if given in ("", None) else boolean(given, strict=True)
    except TypeError:
        told = f"validate_certs (VIRTBRIDGE_VALIDATE_CERTS) is neither true nor false: {str(given)[:80]!r}"
        raise InventoryFault(told) from None


def _file(option, name):
    """The path that an option holds, or None; a variable that is set and empty is the working directory to Ansible."""
    path = option(name)
    empty = path and os.path.isdir(path) and os.path.samefile(path, os.curdir)
    return certificates.path_of(name, None if empty else path)


def _token(option):
    token = option("token")
    if token:
        return endpoint.checked_token(token)
    file = option("token_file")
    if not file or (os.path.isdir(file) and os.path.samefile(file, os.curdir)):
        raise InventoryFault("there is no token: set token, token_file, VIRTBRIDGE_TOKEN or VIRTBRIDGE_TOKEN_FILE")
    try:
        with open(file, encoding="utf-8") as stream:
            return endpoint.checked_token(stream.read(65536))
    except (OSError, UnicodeDecodeError) as error:
        # Without the path: it may be the token itself, put into the wrong option.
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InventoryFault(f"the file that token_file (VIRTBRIDGE_TOKEN_FILE) names can not be read: {reason}") from None
