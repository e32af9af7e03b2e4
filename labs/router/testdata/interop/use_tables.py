"""Reads a router's state with the tables that PyEZ ships, and prints what they make of it as JSON."""
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography's deprecations are not ours

import jnpr.junos  # noqa: E402
import yaml  # noqa: E402
from jnpr.junos import Device  # noqa: E402
from jnpr.junos.factory.factory_loader import FactoryLoader  # noqa: E402

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
dev = Device(host=host, port=port, user=user, password=password, gather_facts=False, ssh_config="/dev/null", hostkey_verify=False)
dev.open()
seen = {"client": "PyEZ " + jnpr.junos.__version__}


def tables(name):
    """The tables of a module of jnpr.junos.op. (Those of PyEZ before 2.2 can't be imported with today's PyYAML.)"""
    with open(os.path.join(os.path.dirname(jnpr.junos.__file__), "op", name + ".yml")) as f:
        return FactoryLoader().load(yaml.safe_load(f))


bgpTable = tables("bgp")["bgpTable"]
EthPortTable = tables("ethport")["EthPortTable"]
ModuleTable = tables("inventory")["ModuleTable"]
LLDPNeighborTable = tables("lldp")["LLDPNeighborTable"]
PhyPortTable = tables("phyport")["PhyPortTable"]
RouteTable = tables("routes")["RouteTable"]


def rows(table):
    """The rows of a table; ages differ from run to run."""
    return {str(key): {name: value for name, value in items if name != "age"} for key, items in table.items()}


seen["bgp"] = rows(bgpTable(dev).get())
seen["routes"] = rows(RouteTable(dev).get())
seen["route"] = rows(RouteTable(dev).get("198.51.100.10/32", exact=True))
seen["routes by protocol"] = rows(RouteTable(dev).get(protocol="static", table="inet.0"))
seen["no route"] = rows(RouteTable(dev).get("203.0.113.0/24"))
seen["ethernet"] = rows(EthPortTable(dev).get())
seen["port"] = rows(PhyPortTable(dev).get("ge-0/0/0"))
seen["lldp"] = rows(LLDPNeighborTable(dev).get())
seen["modules"] = rows(ModuleTable(dev).get())
seen["alarms"] = dev.rpc.get_alarm_information().findtext("alarm-detail/alarm-description")
seen["engine"] = dev.rpc.get_route_engine_information().findtext("route-engine/mastership-state")
seen["counter"] = dev.rpc.get_firewall_filter_information(filtername="offload-ping4").findtext(".//packet-count")
seen["terse"] = dev.rpc.get_interface_information(terse=True).findtext(".//ifa-local")
seen["text"] = dev.cli("show bgp summary | match Peers:", warning=False)
seen["xml"] = dev.cli("show bgp summary", format="xml", warning=False).findtext("peer-count")
dev.close()
json.dump(seen, sys.stdout)
