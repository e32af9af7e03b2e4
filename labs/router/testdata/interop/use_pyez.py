"""Does with PyEZ what an engineer does with a router, and prints what it saw as JSON."""
import json
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography's deprecations are not ours

from jnpr.junos import Device  # noqa: E402
from jnpr.junos.exception import CommitError, ConfigLoadError, LockError  # noqa: E402
from jnpr.junos.utils.config import Config  # noqa: E402

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
seen = {}


def connect(facts=False):
    dev = Device(host=host, port=port, user=user, password=password, gather_facts=facts,
                 ssh_config="/dev/null", hostkey_verify=False)
    return dev.open()


dev = connect()
cu = Config(dev)
cu.lock()
seen["no diff"] = cu.diff()
cu.load("system { domain-name example.net; }", format="text", merge=True)
cu.load("set system services ftp\ndelete system services ssh", format="set")
seen["diff"] = cu.diff()
seen["check"] = cu.commit_check()
seen["commit"] = cu.commit(comment="T1 by <PyEZ> & co")
seen["diff to 1"] = cu.diff(rb_id=1)
cu.rollback(1)
seen["diff after rollback"] = cu.diff()
seen["confirmed"] = cu.commit(comment="T2 back", confirm=2)
seen["confirm"] = cu.commit_check()
try:
    cu.load("set system host-name", format="set")
    seen["load error"] = None
except ConfigLoadError as e:
    seen["load error"] = e.message.strip()
cu.load("delete system domain-name", format="set", ignore_warning=True)
cu.load("protocols { bgp { group PyBal { import LVS_import; } } }", format="text")
try:
    cu.commit()
    seen["commit error"] = None
except CommitError as e:
    seen["commit error"] = [(x["edit_path"] or "", x["bad_element"] or "", x["message"]) for x in e.errs]
cu.rollback(0)
cu.load("<configuration><system><domain-name>example.org</domain-name></system></configuration>", format="xml")
seen["diff of xml"] = cu.diff()
cu.rollback()
cu.load('{"configuration" : {"system" : {"domain-name" : "example.org"}}}', format="json")
seen["diff of json"] = cu.diff()
cu.rollback()

other = connect()
try:
    Config(other).lock()
    seen["lock error"] = None
except LockError as e:
    seen["lock error"] = e.message.strip().splitlines()[0]
other.close()
cu.unlock()

with Config(dev, mode="exclusive") as excl:
    excl.load("set system domain-name example.com", format="set")
    seen["diff in exclusive mode"] = excl.diff()
seen["diff after exclusive mode"] = Config(dev).diff()

seen["text"] = dev.rpc.get_config(options={"database": "committed", "format": "text"}).text
seen["host in xml"] = dev.rpc.get_config(filter_xml="<system><host-name/></system>").findtext("system/host-name")
seen["host in json"] = dev.rpc.get_config(options={"database": "committed", "format": "json"})["configuration"]["system"]["host-name"]
seen["cli"] = dev.cli("show system commit", warning=False)
history = dev.rpc.get_commit_information()
seen["history"] = [(h.findtext("user"), h.findtext("client"), h.findtext("log")) for h in history.findall("commit-history")]
dev.close()

dev = connect(facts=True)
seen["facts"] = {k: dev.facts[k] for k in ("hostname", "model", "version")}
dev.close()
json.dump(seen, sys.stdout)
