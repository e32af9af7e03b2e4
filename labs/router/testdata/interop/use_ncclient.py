"""Does with ncclient what a program does with a router, and prints what it saw as JSON."""
import json
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography's deprecations are not ours

from ncclient import manager  # noqa: E402
from ncclient.operations.rpc import RPCError  # noqa: E402

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
seen = {}


def connect():
    return manager.connect(host=host, port=port, username=user, password=password, hostkey_verify=False,
                           look_for_keys=False, allow_agent=False, device_params={"name": "junos"}, timeout=30)


def diff(reply):
    return reply.xpath("//configuration-information/configuration-output")[0].text


m = connect()
seen["confirmed-commit"] = ":confirmed-commit" in m.server_capabilities
m.lock()
seen["no diff"] = diff(m.compare_configuration())
m.load_configuration(action="merge", format="text", config="system { domain-name example.net; }")
m.load_configuration(action="set", config=["set system services ftp", "delete system services ssh"])
seen["diff"] = diff(m.compare_configuration())
m.validate()
m.commit(comment="T1 by <ncclient> & co")
m.rollback(rollback=1)
seen["diff after rollback"] = diff(m.compare_configuration())
m.commit(confirmed=True, timeout="90", comment="T2 back")
m.commit()
try:
    m.load_configuration(action="set", config="set system host-name")
    seen["load error"] = None
except RPCError as e:
    seen["load error"] = e.message.strip()
m.load_configuration(format="text", config="protocols { bgp { group PyBal { import LVS_import; } } }")
try:
    m.commit()
    seen["commit error"] = None
except RPCError as e:
    seen["commit error"] = e.message.strip()
m.discard_changes()
seen["diff after discard"] = diff(m.compare_configuration())

other = connect()
try:
    other.lock()
    seen["lock error"] = None
except RPCError as e:
    seen["lock error"] = [e.tag, e.message.strip().splitlines()[0]]
other.close_session()
m.unlock()

reply = m.get_configuration(format="text")
seen["text"] = reply.xpath("//configuration-text")[0].text
seen["host in xml"] = m.get_config(source="running").xpath("//*[local-name()='host-name']")[0].text
seen["command"] = m.command("show system commit", format="text").xpath("//output")[0].text
reply = m.rpc("<get-commit-information/>")
seen["history"] = [[h.findtext("user"), h.findtext("client"), h.findtext("log")] for h in reply.xpath("//commit-history")]
m.close_session()
json.dump(seen, sys.stdout)
