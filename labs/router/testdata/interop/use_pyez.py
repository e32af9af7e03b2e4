"""Does with PyEZ what engineers do with a router, each call that it has, and prints what it saw as JSON."""
import json
import sys
import warnings

warnings.simplefilter("ignore")  # cryptography's deprecations are not ours

import jnpr.junos  # noqa: E402
import ncclient  # noqa: E402
from jnpr.junos import Device  # noqa: E402
from jnpr.junos.exception import (  # noqa: E402
    CommitError, ConfigLoadError, LockError, PermissionError, RpcError, UnlockError)
from jnpr.junos.utils.config import Config  # noqa: E402
from lxml import etree  # noqa: E402

host, port, user, password = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
dual = "routing-engines=2" in sys.argv[5:]
seen = {"client": "PyEZ " + jnpr.junos.__version__ + ", ncclient " + ncclient.__version__}


def connect(facts=False):
    dev = Device(host=host, port=port, user=user, password=password, gather_facts=facts,
                 ssh_config="/dev/null", hostkey_verify=False)
    return dev.open()


def fails(kind, call, *args, **kwargs):
    """Calls what has to fail, and returns the error."""
    try:
        got = call(*args, **kwargs)
    except kind as e:
        return e
    raise AssertionError("%s(%s, %s) did not fail: %r" % (call.__name__, args, kwargs, got))


def same(what, got, want):
    assert got == want, "%s: got %r, want %r" % (what, got, want)


dev = connect()
cu = Config(dev)

# lock, load in each form and mode, diff
same("lock", cu.lock(), True)
seen["no diff"] = cu.diff()
cu.load("system { domain-name example.net; }", format="text", merge=True)
cu.load("set system services ftp\ndelete system services ssh", format="set")
seen["diff"] = cu.diff()
same("commit_check", cu.commit_check(), True)
same("commit", cu.commit(comment="T1 by <PyEZ> & co", sync=dual), True)
seen["diff to 1"] = cu.diff(rb_id=1)
same("rollback", cu.rollback(1), True)
seen["diff after rollback"] = cu.diff()
same("commit confirmed", cu.commit(comment="T2 back", confirm=2, sync=dual), True)
same("confirm", cu.commit_check(), True)
cu.load("system { services { replace: ssh { root-login deny; } } }", format="text")
seen["diff of replace"] = cu.diff()
cu.rollback()
cu.load("system { host-name o.example.net; }", format="text", overwrite=True)
seen["diff of overwrite"] = cu.diff()
cu.rollback()
cu.load("system { host-name u.example.net; services { ssh; } }", format="text", update=True)
seen["set after update"] = dev.rpc.get_config(options={"format": "set"}).text.splitlines()
cu.rollback()
# PyEZ 2.1 has no argument for a patch: the request that later ones send
dev.rpc(etree.fromstring('<load-configuration format="text" action="patch"><configuration-patch>[edit system services]\n'
                         '+    ftp;\n</configuration-patch></load-configuration>'))
seen["diff of patch"] = cu.diff()
cu.rollback()
cu.load("<configuration><system><domain-name>example.org</domain-name></system></configuration>", format="xml")
seen["diff of xml"] = cu.diff()
cu.rollback()
cu.load('{"configuration" : {"system" : {"domain-name" : "example.org"}}}', format="json")
seen["diff of json"] = cu.diff()
cu.rollback()

# what is wrong
e = fails(ConfigLoadError, cu.load, "set system host-name", format="set")
seen["load error"] = e.message.strip()
e = fails(ConfigLoadError, cu.load, "system {\n  host-name a b;\n  services { nothing-of-it; }\n}", format="text")
seen["load errors"] = [(x["edit_path"], x["bad_element"], x["message"], x["severity"]) for x in e.errs]
e = fails(ConfigLoadError, cu.load, "delete system domain-name", format="set")
seen["load warning"] = [(x["edit_path"], x["bad_element"], x["message"], x["severity"]) for x in e.errs]
cu.load("delete system domain-name", format="set", ignore_warning=True)
cu.load("delete system domain-name", format="set", ignore_warning="statement not found")
e = fails(ConfigLoadError, cu.load, "interfaces { }", format="text")
seen["empty block"] = e.message.strip()
cu.load("protocols { bgp { group PyBal { import LVS_import; } } }", format="text")
e = fails(CommitError, cu.commit)
seen["commit error"] = [(x["edit_path"] or "", x["bad_element"] or "", x["message"]) for x in e.errs]
e = fails(CommitError, cu.commit_check)
seen["commit check error"] = e.message.strip()
cu.rollback(0)
e = fails(RpcError, cu.rollback, 49)
seen["no such rollback"] = e.message.strip()
e = fails(RpcError, dev.rpc.load_configuration, {"compare": "rollback", "rollback": "50"})
seen["rollback range"] = e.message.strip()

# somebody else
other = connect()
e = fails(LockError, Config(other).lock)
seen["lock error"] = e.message.strip().splitlines()[0]
e = fails(UnlockError, Config(other).unlock)
seen["unlock error"] = e.message.strip()
other.close()

# commit in all its forms
cu.load("set system location building b1", format="set")
same("commit full", cu.commit(sync=True, full=True), True)
same("commit force", cu.commit(force_sync=True, comment="T3 force"), True)
detail = cu.commit(detail=True, sync=dual)
seen["commit detail"] = {
    "progress": len(detail.findall(".//progress-indicator")) > 5,
    "engines": [[c.tag for c in r if c.tag != "progress-indicator"] for r in detail.iter("routing-engine")],
}

# the rescue configuration
same("no rescue", cu.rescue("get"), None)
same("rescue reload without one", cu.rescue("reload"), False)
same("rescue save", cu.rescue("save"), True)
seen["rescue"] = cu.rescue("get", format="text").strip().splitlines()[:3]
seen["rescue in xml"] = cu.rescue("get", format="xml").findtext(".//host-name")
cu.load("delete system location", format="set")
assert cu.rescue("reload") is not False
seen["diff after rescue reload"] = cu.diff()
same("rescue delete", cu.rescue("delete"), True)
same("unlock", cu.unlock(), True)

# the other databases
with Config(dev, mode="exclusive") as excl:
    excl.load("set system domain-name example.com", format="set")
    seen["diff in exclusive mode"] = excl.diff()
seen["diff after exclusive mode"] = Config(dev).diff()
with Config(dev, mode="private") as priv:
    priv.load("set system domain-name private.example.net", format="set")
    seen["diff in private mode"] = priv.diff()
    neighbour = connect()
    seen["seen by others"] = Config(neighbour).diff()
    e = fails(ConfigLoadError, Config(neighbour).load, "set system services ftp", format="set")
    seen["shared while private"] = e.message.strip()
    with Config(neighbour, mode="private") as second:
        second.load("set system services telnet\nset system domain-name other.example.net", format="set")
        same("private commit", priv.commit(comment="T4 private"), True)
        e = fails(CommitError, second.commit)
        seen["private conflict"] = [(x["edit_path"], x["message"]) for x in e.errs]
    neighbour.close()
    e = fails(CommitError, priv.commit, confirm=2)
    seen["private confirmed"] = e.message.strip()
    priv.load("set system services ftp", format="set")
seen["diff after private mode"] = Config(dev).diff()
for mode in ("dynamic", "batch", "ephemeral"):
    e = fails(RpcError, Config(dev, mode=mode).__enter__)
    seen["mode " + mode] = e.message.strip()
e = fails(RpcError, Config(dev, mode="ephemeral", ephemeral_instance="e1").__enter__)
seen["mode ephemeral instance"] = e.message.strip()

# reading
seen["text"] = dev.rpc.get_config(options={"database": "committed", "format": "text"}).text
seen["host in xml"] = dev.rpc.get_config(filter_xml="<system><host-name/></system>").findtext("system/host-name")
services = dev.rpc.get_config(filter_xml=etree.XML("<configuration><system><services/></system></configuration>"))
seen["services"] = [c.tag for c in services.find("system/services")]
seen["host in json"] = dev.rpc.get_config(options={"database": "committed", "format": "json"})["configuration"]["system"]["host-name"]
seen["set"] = dev.rpc.get_config(options={"database": "committed", "format": "set"}).text.splitlines()[1:3]
seen["cli"] = dev.cli("show system commit", warning=False)
seen["cli in xml"] = [c.tag for c in dev.cli("show version", format="xml", warning=False)]
e = fails(RpcError, dev.rpc.cli, "shew version", format="text")
seen["unknown command"] = [e.message.strip(), e.rpc_error["bad_element"]]
e = fails(RpcError, dev.rpc.get_nothing_of_it)
seen["unknown operation"] = [e.message.strip(), e.rpc_error["bad_element"]]
history = dev.rpc.get_commit_information()
seen["history"] = [(h.findtext("user"), h.findtext("client"), h.findtext("log")) for h in history.findall("commit-history")]
rollback = dev.rpc.get_rollback_information(rollback="0", compare="1", format="text")
seen["rollback information"] = rollback.findtext("configuration-information/configuration-output")
seen["software"] = dev.rpc.get_software_information().findtext(".//junos-version")
seen["system"] = dev.rpc.get_system_information().findtext("host-name")
same("uptime", dev.rpc.get_system_uptime_information().find("current-time/date-time") is not None, True)

# a user who may only look
cu.load("set system login user lab class read-only", format="set")
cu.commit(sync=dual)
e = fails(PermissionError, dev.rpc.lock_configuration)
seen["permission"] = [e.message.strip(), e.rpc_error["bad_element"]]
dev.close()

dev = connect(facts=True)
seen["facts"] = {k: dev.facts[k] for k in ("hostname", "model", "version", "current_re", "version_RE0", "version_RE1")}
dev.close()
json.dump(seen, sys.stdout)
