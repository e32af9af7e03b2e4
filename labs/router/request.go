package router

import (
	"strconv"
)

// requestCommands is `request …`: what is done to the router rather than to its configuration.
func requestCommands() []*command {
	return []*command{{word: "system", help: "Perform system-level operations", sub: []*command{
		{word: "configuration", help: "Request operation on system configuration", sub: []*command{
			{word: "rescue", help: "Request operation on system rescue configuration", sub: []*command{
				{word: "delete", help: "Delete rescue configuration", run: (*shell).deleteRescue},
				{word: "save", help: "Save rescue configuration", run: (*shell).saveRescue},
			}},
		}},
		{word: "logout", help: "Forcibly end user's CLI login session", sub: []*command{
			{word: "pid", help: "Log out user with specified management daemon PID", run: (*shell).logout, args: argsSession},
		}},
	}}}
}

func (sh *shell) saveRescue(inv invocation) error {
	if err := sh.mayConfigure(inv); err != nil {
		return err
	}
	return sh.r.db.saveRescue()
}

func (sh *shell) deleteRescue(inv invocation) error {
	if err := sh.mayConfigure(inv); err != nil {
		return err
	}
	return sh.r.db.deleteRescue()
}

func (sh *shell) showRescue(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	tree, err := sh.r.db.rescue()
	if err != nil {
		return err
	}
	sh.printf("%s", tree.Text())
	return nil
}

// logout ends another session, with its lock and what it has not committed under it.
func (sh *shell) logout(inv invocation) error {
	if len(inv.args) != 1 {
		return faultf("syntax error, expecting <pid>")
	}
	if err := sh.mayConfigure(invocation{}); err != nil {
		return err
	}
	id, err := strconv.Atoi(inv.args[0])
	if err != nil {
		return faultf("invalid numeric value: '%s'", inv.args[0])
	}
	return sh.r.db.killSession(sh.s, id)
}
