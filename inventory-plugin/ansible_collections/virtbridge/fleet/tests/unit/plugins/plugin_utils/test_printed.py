# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils.printed import is_only_printed

PATH = "/project/fleet.virtbridge.yml"
EXPORT = {"list": True, "export": True, "yaml": False, "toml": False, "inventory": (PATH,)}


class PrintedTest(unittest.TestCase):
    def test_an_export_as_json_of_this_source_alone_is_only_printed(self):
        self.assertTrue(is_only_printed("2.19.14", EXPORT, PATH))
        self.assertTrue(is_only_printed("2.19.0b1", {**EXPORT, "inventory": [PATH]}, PATH))

    def test_another_command_another_form_another_source_or_another_version_may_read_what_it_gets(self):
        for version, said in (
            ("2.18.9", {}),
            ("2.20.0", {}),
            ("2.190.0", {}),
            ("2.19.14", {"list": False}),
            ("2.19.14", {"list": None}),
            ("2.19.14", {"export": False}),
            ("2.19.14", {"yaml": True}),
            ("2.19.14", {"toml": True}),
            ("2.19.14", {"inventory": (PATH, "/project/constructed.yml")}),
            ("2.19.14", {"inventory": ("/project",)}),
            ("2.19.14", {"inventory": ()}),
            ("2.19.14", {"inventory": None}),
        ):
            with self.subTest(version=version, said=said):
                self.assertFalse(is_only_printed(version, {**EXPORT, **said}, PATH))

    def test_a_program_that_has_no_such_arguments_may_too(self):
        self.assertFalse(is_only_printed("2.19.14", {}, PATH))


if __name__ == "__main__":
    unittest.main()
