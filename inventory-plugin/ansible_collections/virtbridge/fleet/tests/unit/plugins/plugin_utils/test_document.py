# Copyright the virtbridge authors
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import unittest

from ansible_collections.virtbridge.fleet.plugins.plugin_utils import document
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.fault import InventoryFault
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.judge import MAX_DEPTH
from ansible_collections.virtbridge.fleet.plugins.plugin_utils.untrusted import Untrusted


def inventory(variables=None, **groups):
    """A whole document of one host, web.shop.dev-1, with the variables given."""
    return {"_meta": {"hostvars": {"web.shop.dev-1": variables or {}}}, "all": {"children": list(groups)}, **groups}


def checked(variables):
    return document.check(inventory(variables)).hosts["web.shop.dev-1"]


class CheckTest(unittest.TestCase):
    def test_hosts_groups_and_children_are_kept(self):
        found = document.check(inventory({"kubevirt_stale": False}, cluster_dev_1={"hosts": ["web.shop.dev-1"]}))
        self.assertEqual(found.hosts, {"web.shop.dev-1": {"kubevirt_stale": False}})
        self.assertEqual(found.groups, {"all": ([], ["cluster_dev_1"]), "cluster_dev_1": (["web.shop.dev-1"], [])})
        self.assertEqual(found.dropped, [])

    def test_an_inventory_without_hosts_is_one_when_it_is_whole(self):
        self.assertEqual(document.check({"_meta": {"hostvars": {}}, "all": {"children": ["ungrouped"]}}).hosts, {})

    def test_whatever_is_no_inventory_is_a_fault(self):
        host = "web.shop.dev-1"
        for value in (
            None,
            [],
            "text",
            {},
            {"error": {"code": "not_synced"}},
            {"_meta": {}, "all": {}},
            {"_meta": {"hostvars": []}, "all": {}},
            {"_meta": {"hostvars": {host: {}}}},
            {"_meta": {"hostvars": {host: []}}, "all": {}},
            {"_meta": {"hostvars": {host: {}}}, "all": [host]},
            inventory(web={"hosts": host}),
            inventory(web={"hosts": [1]}),
            inventory(web={"hosts": ["other.shop.dev-1"]}),
            inventory(web={"children": ["nowhere"]}),
        ):
            with self.subTest(value=value), self.assertRaises(InventoryFault):
                document.check(value)

    def test_names_come_from_a_fixed_alphabet(self):
        for name in ("", "-oProxyCommand=x", "a b", "{{ x }}", "a:22", "a[1:3]", "a/b", "a,b", "é", "a\n", "a" * 513):
            with self.subTest(name=name):
                with self.assertRaises(InventoryFault):
                    document.check({"_meta": {"hostvars": {name: {}}}, "all": {}})
                with self.assertRaises(InventoryFault):
                    document.check({"_meta": {"hostvars": {}}, "all": {}, name: {}})
        for name in ("", "a-b", "a.b", "1a", "a b", "{{ x }}"):
            with self.subTest(variable=name), self.assertRaises(InventoryFault):
                checked({name: 1})


class ConnectionTest(unittest.TestCase):
    def test_what_may_come_from_an_inventory_is_kept(self):
        given = {
            "ansible_host": "fd00::1%eth0",
            "ansible_port": 5986,
            "ansible_connection": "psrp",
            "ansible_psrp_cert_validation": "ignore",
            "ansible_user": "CORP\\admin",
            "ansible_winrm_read_timeout_sec": 70,
        }
        self.assertEqual(checked(given), given)

    def test_what_would_run_a_command_here_is_dropped_and_told(self):
        given = {
            "ansible_ssh_common_args": "-o ProxyCommand=id",
            "ansible_winrm_kinit_cmd": "id",
            "ansible_python_interpreter": "/bin/sh",
            "kubevirt_name": "web",
        }
        found = document.check(inventory(given))
        self.assertEqual(found.hosts["web.shop.dev-1"], {"kubevirt_name": "web"})
        self.assertEqual(
            found.dropped, ["ansible_python_interpreter", "ansible_ssh_common_args", "ansible_winrm_kinit_cmd"]
        )

    def test_the_one_command_that_reaches_a_guest_is_kept_and_every_other_dropped(self):
        start = '-o ProxyCommand="virtctl port-forward --stdio=true'
        for arguments in (
            f'{start} vm/web/shop 22"',
            f'{start} --kubeconfig=/etc/kube/config --context=admin@prod-1 vm/web.1/shop 2222"',
        ):
            with self.subTest(arguments=arguments):
                given = {"ansible_ssh_common_args": arguments}
                self.assertEqual(checked(given), given)
        for arguments in (
            f'{start} vm/web/shop 22" -o ProxyCommand=id',
            f'{start} vm/web/shop 22"\n',
            f'{start} vm/web/$(id) 22"',
            f'{start} --kubeconfig=/a;id vm/web/shop 22"',
            f'{start} --kubeconfig=/a b vm/web/shop 22"',
            f'{start} vm/web/shop 22; id"',
            '-o ProxyCommand="id"',
            f'x {start} vm/web/shop 22"',
            ["-o", "ProxyCommand=id"],
            None,
        ):
            with self.subTest(arguments=arguments):
                found = document.check(inventory({"ansible_ssh_common_args": arguments}))
                self.assertEqual(found.hosts["web.shop.dev-1"], {})
                self.assertEqual(found.dropped, ["ansible_ssh_common_args"])

    def test_a_value_that_does_not_fit_is_a_fault(self):
        for name, value in (
            ("ansible_host", "-oProxyCommand=id"),
            ("ansible_host", "a b"),
            ("ansible_host", "{{ 1 }}"),
            ("ansible_host", {"__ansible_unsafe": "10.0.0.1"}),
            ("ansible_host", None),
            ("ansible_port", 0),
            ("ansible_port", 65536),
            ("ansible_port", True),
            ("ansible_port", "22"),
            ("ansible_connection", "local"),
            ("ansible_connection", "chroot"),
            ("ansible_connection", ["ssh"]),
            ("ansible_winrm_path", "{{ lookup('pipe', 'id') }}"),
            ("ansible_winrm_path", ["a"]),
            ("ansible_user", "-oProxyCommand=id"),
            ("ansible_user", "a b"),
            ("ansible_user", ""),
            ("ansible_user", 'a"b'),
            ("ansible_user", "{{ x }}"),
            ("ansible_user", 7),
        ):
            with self.subTest(name=name, value=value), self.assertRaises(InventoryFault):
                checked({name: value})


class TrustTest(unittest.TestCase):
    def test_text_with_template_delimiters_is_untrusted_wherever_it_stands(self):
        header = "#jinja2: variable_start_string:'[[', variable_end_string:']]'\n[[ 6*7 ]]"
        for text in ("{{ 6*7 }}", "a {% if x %}", "{# c #}", "{{{", header, "#jinja2:"):
            found = checked({"a": text, "b": [text], "c": {"d": {"e": text}}})
            for value in (found["a"], found["b"][0], found["c"]["d"]["e"]):
                with self.subTest(text=text):
                    self.assertIsInstance(value, Untrusted)
                    self.assertEqual(value, text)

    def test_all_other_text_is_plain(self):
        for text in ("", "10.0.0.1", "{ {", "}}", "%}", "Größe \u2028", "{a}", "# jinja2:", " #jinja2:", "a\n#jinja2:"):
            with self.subTest(text=text):
                self.assertIs(type(checked({"a": text})["a"]), str)

    def test_a_mark_of_the_bridge_holds_one_string_and_makes_it_untrusted(self):
        self.assertIsInstance(checked({"a": {"__ansible_unsafe": "plain"}})["a"], Untrusted)
        for mark in (
            {"__ansible_unsafe": 1},
            {"__ansible_unsafe": "a", "b": 1},
            {"__ansible_vault": "x"},
            {"__ansible_type": "x"},
        ):
            with self.subTest(mark=mark), self.assertRaises(InventoryFault):
                checked({"a": mark})

    def test_a_key_that_is_a_template_is_left_out_and_told(self):
        found = document.check(inventory({"a": {"{{ x }}": 1, "b": [{"{% y": 1}]}}))
        self.assertEqual(found.hosts["web.shop.dev-1"], {"a": {"b": [{}]}})
        self.assertEqual(found.dropped, ["'{% y'", "'{{ x }}'"])

    def test_depth_is_bounded(self):
        value = "deep"
        for unused in range(MAX_DEPTH):
            value = [value]
        self.assertEqual(checked({"a": value})["a"], value)
        with self.assertRaises(InventoryFault):
            checked({"a": [value]})

    def test_other_values_are_kept_as_they_are(self):
        value = {"a": 1, "b": 1.5, "c": None, "d": True, "e": [], "f": {}}
        self.assertEqual(checked({"x": value})["x"], value)


class ScriptTest(unittest.TestCase):
    def test_a_script_marks_what_is_untrusted_and_can_be_read_again(self):
        given = inventory({"a": "{{ 6*7 }}", "b": [{"c": "{% x"}], "d": "plain"}, web={"hosts": ["web.shop.dev-1"]})
        output = json.loads(json.dumps(document.script_output(document.check(given))))
        self.assertEqual(
            output["_meta"]["hostvars"]["web.shop.dev-1"],
            {"a": {"__ansible_unsafe": "{{ 6*7 }}"}, "b": [{"c": {"__ansible_unsafe": "{% x"}}], "d": "plain"},
        )
        self.assertEqual(output["web"], {"hosts": ["web.shop.dev-1"], "children": []})
        self.assertEqual(document.check(output).hosts, document.check(given).hosts)

    def test_a_host_in_no_group_is_in_all_as_ansible_takes_no_host_from_its_variables(self):
        output = document.script_output(document.check(inventory()))
        self.assertEqual(output["all"], {"hosts": ["web.shop.dev-1"], "children": []})


if __name__ == "__main__":
    unittest.main()
