"""Does with ncclient what programs do with a router, each call that it has, and prints what it saw as JSON."""
import json
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography's deprecations are not ours

import ncclient  # noqa: E402
from ncclient import manager  # noqa: E402
from ncclient.operations.rpc import RPCError  # noqa: E402
from lxml import etree  # noqa: E402

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
seen = {"client": "ncclient " + ncclient.__version__}


def connect():
    return manager.connect(host=host, port=port, username=user, password=password, hostkey_verify=False,
                           look_for_keys=False, allow_agent=False, device_params={"name": "junos"}, timeout=30)


def diff(reply):
    return reply.xpath("//configuration-information/configuration-output")[0].text


def fails(call, *args, **kwargs):
    """Calls what has to fail, and returns the error."""
    try:
        got = call(*args, **kwargs)
    except RPCError as e:
        return e
    raise AssertionError("%s, %s did not fail: %s" % (args, kwargs, got))


m = connect()
for capability in (":candidate", ":confirmed-commit", ":validate", ":url"):
    assert capability in m.server_capabilities, capability
m.lock()
seen["no diff"] = diff(m.compare_configuration())
m.load_configuration(action="merge", format="text", config="system { domain-name example.net; }")
m.load_configuration(action="set", config=["set system services ftp", "delete system services ssh"])
seen["diff"] = diff(m.compare_configuration())
m.validate()
m.commit(comment="T1 by <ncclient> & co")
m.rollback(rollback=1)
seen["diff after rollback"] = diff(m.compare_configuration())
seen["diff to 1"] = diff(m.compare_configuration(rollback=1))
m.commit(confirmed=True, timeout="90", comment="T2 back")
window = m.rpc("<get-commit-information/>")
seen["window"] = window.xpath("//commit-history/comment")[0].text
m.commit()
m.load_configuration(action="replace", format="text", config="system { replace: services { telnet; } }")
m.load_configuration(format="xml", config=etree.fromstring(
    "<configuration><system><location><building>b1</building></location></system></configuration>"))
m.load_configuration(format="json", config='{"configuration" : {"system" : {"domain-name" : "example.org"}}}')
seen["diff of replace, xml and json"] = diff(m.compare_configuration())
m.commit(synchronize=True, check=True)
m.commit(synchronize=True)
m.load_configuration(action="override", format="text", config="system { host-name o.example.net; }")
m.load_configuration(action="update", format="text", config="system { host-name u.example.net; }")
seen["set after update"] = m.get_configuration(format="set").xpath("//configuration-set")[0].text
m.discard_changes()
seen["diff after discard"] = diff(m.compare_configuration())

e = fails(m.load_configuration, action="set", config="set system host-name")
seen["load error"] = e.message.strip()
e = fails(m.load_configuration, action="set", config="set system host-name a b")
seen["load error in full"] = [e.type, e.tag, e.severity, (e.path or "").strip(), e.message.strip()]
m.load_configuration(format="text", config="protocols { bgp { group PyBal { import LVS_import; } } }")
e = fails(m.commit)
seen["commit error"] = e.message.strip()
e = fails(m.validate)
seen["validate error"] = e.message.strip()
m.discard_changes()
e = fails(m.rollback, rollback=50)
seen["rollback range"] = e.message.strip()

other = connect()
e = fails(other.lock)
seen["lock error"] = [e.tag, e.message.strip().splitlines()[0]]
other.close_session()
m.unlock()
e = fails(m.unlock)
seen["unlock error"] = e.message.strip()

# the RFC's own
with m.locked("candidate"):
    m.edit_config(target="candidate", config="<config><configuration><system><domain-name>rfc.example.net</domain-name>"
                  "</system></configuration></config>")
    seen["diff of edit-config"] = diff(m.compare_configuration())
    m.edit_config(target="candidate", default_operation="none",
                  config='<config><configuration><system><services xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" '
                  'nc:operation="delete"/></system></configuration></config>')
    seen["diff of edit-config none"] = diff(m.compare_configuration())
    m.discard_changes()
victim = connect()
victim.get_config(source="running")
m.kill_session(victim.session_id)
try:
    victim.get_config(source="running")
    raise AssertionError("the killed session answers")
except Exception as e:  # how the end of a session looks is ncclient's
    assert not isinstance(e, AssertionError), e

reply = m.get_configuration(format="text")
seen["text"] = reply.xpath("//configuration-text")[0].text
reply = m.get_configuration(format="xml", filter=etree.fromstring(
    "<configuration><system><services/></system></configuration>"))
seen["services"] = [c.tag for c in reply.xpath("//services/*")]
seen["host in xml"] = m.get_config(source="running").xpath("//*[local-name()='host-name']")[0].text
reply = m.get_config(source="candidate", filter=("subtree", "<configuration><system><host-name/></system></configuration>"))
seen["host filtered"] = [c.text for c in reply.xpath("//*[local-name()='system']/*")]
seen["command"] = m.command("show system commit", format="text").xpath("//output")[0].text
seen["command in xml"] = m.command("show version").xpath("//software-information/junos-version")[0].text
e = fails(m.command, "shew version", format="text")
seen["unknown command"] = e.message.strip()
e = fails(m.rpc, "<get-nothing-of-it/>")
seen["unknown operation"] = e.message.strip()
reply = m.rpc("<get-commit-information/>")
seen["history"] = [[h.findtext("user"), h.findtext("client"), h.findtext("log")] for h in reply.xpath("//commit-history")]
m.close_session()
json.dump(seen, sys.stdout)
