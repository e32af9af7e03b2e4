package router

import (
	"io"
	"strconv"
	"time"
)

// cliProperties is what `set cli` has set in a session.
type cliProperties struct {
	prompt    string
	timestamp bool
	idle      int // minutes, 0: none
}

// cliCommands is `set cli …`.
func cliCommands() []*command {
	onOff := argsOne(func(q *query) {
		q.add(candidate{word: "off", help: "Disable"}, candidate{word: "on", help: "Enable"})
	})
	return []*command{
		{word: "complete-on-space", help: "Set whether typing space completes current word", run: (*shell).setComplete, interactive: true, args: onOff},
		{word: "idle-timeout", help: "Set maximum idle time before login session ends", run: (*shell).setIdle, interactive: true, args: argsNumber("timeout", "Maximum idle time, in minutes (0..100000)")},
		{word: "prompt", help: "Set CLI command prompt string", run: (*shell).setPrompt, interactive: true, args: argsNumber("prompt", "Prompt string")},
		{word: "screen-length", help: "Set number of lines on screen", run: (*shell).setLength, interactive: true, args: argsNumber("length", "Number of lines of text that the screen can display (0..100000)")},
		{word: "screen-width", help: "Set number of characters on a line", run: (*shell).setWidth, interactive: true, args: argsNumber("width", "Number of characters in a line (0 or 40..1024)")},
		{word: "timestamp", help: "Timestamp CLI output", run: (*shell).setTimestamp, interactive: true, args: argsTimestamp},
	}
}

func argsTimestamp(q *query, args []token) {
	argsOne(func(q *query) { q.add(candidate{word: "disable", help: "Disable CLI timestamp"}) })(q, args)
	q.enter = len(args) < 2
}

// number reads the one argument of a property.
func number(inv invocation, low, high int) (int, error) {
	if len(inv.args) != 1 {
		return 0, faultf("syntax error, expecting one value")
	}
	n, err := strconv.Atoi(inv.args[0])
	if err != nil {
		return 0, faultf("invalid numeric value: '%s'", inv.args[0])
	}
	if n < low || n > high {
		return 0, faultf("Value %d is not within range (%d..%d)", n, low, high)
	}
	return n, nil
}

func (sh *shell) setLength(inv invocation) error {
	n, err := number(inv, 0, 100000)
	if err != nil {
		return err
	}
	if sh.size != nil {
		sh.size.override(nil, &n)
	}
	sh.printf("Screen length set to %d\n", n)
	return nil
}

func (sh *shell) setWidth(inv invocation) error {
	n, err := number(inv, 0, 1024)
	if err == nil && n > 0 && n < 40 {
		err = faultf("Value %d is not within range (40..1024)", n)
	}
	if err != nil {
		return err
	}
	if sh.size != nil {
		sh.size.override(&n, nil)
	}
	sh.printf("Screen width set to %d\n", n)
	return nil
}

func (sh *shell) setComplete(inv invocation) error {
	if len(inv.args) != 1 || inv.args[0] != "on" && inv.args[0] != "off" {
		return &usageError{3, "syntax error, expecting on or off."}
	}
	on := inv.args[0] == "on"
	if sh.term != nil {
		sh.term.onSpace = on
	}
	if on {
		sh.printf("Enabling complete-on-space\n")
	} else {
		sh.printf("Disabling complete-on-space\n")
	}
	return nil
}

func (sh *shell) setPrompt(inv invocation) error {
	if len(inv.args) != 1 {
		return faultf("syntax error, expecting one value")
	}
	sh.cli.prompt = inv.args[0]
	sh.printf("CLI prompt set to '%s'\n", inv.args[0])
	return nil
}

func (sh *shell) setIdle(inv invocation) error {
	n, err := number(inv, 0, 100000)
	if err != nil {
		return err
	}
	sh.cli.idle = n
	if n == 0 {
		sh.printf("Idle timeout disabled\n")
	} else {
		sh.printf("Idle timeout set to %d minutes\n", n)
	}
	return nil
}

func (sh *shell) setTimestamp(inv invocation) error {
	switch {
	case len(inv.args) == 0:
		sh.cli.timestamp = true
		sh.printf("CLI timestamp set to: %%b %%d %%T\n")
	case len(inv.args) == 1 && inv.args[0] == "disable":
		sh.cli.timestamp = false
		sh.printf("CLI timestamp disabled\n")
	default:
		return noArguments(inv)
	}
	return nil
}

// stampLine shows the time in front of a command's output, when the user wants it.
func (sh *shell) stampLine() {
	if sh.cli.timestamp {
		sh.printf("%s\n", time.Now().UTC().Format("Jan 02 15:04:05"))
	}
}

// showCLI shows the properties.
func (sh *shell) showCLI(inv invocation) error {
	if err := noArguments(inv); err != nil {
		return err
	}
	onOff := map[bool]string{true: "on", false: "off"}
	complete := sh.term != nil && sh.term.onSpace
	idle := "disabled"
	if sh.cli.idle > 0 {
		idle = strconv.Itoa(sh.cli.idle) + " minutes"
	}
	width, length := 80, 0
	if sh.size != nil {
		width, length = sh.size.now()
	}
	prompt := sh.cli.prompt
	if prompt == "" {
		prompt = sh.s.user + "@" + sh.r.hostname()
	}
	stamped := "disabled"
	if sh.cli.timestamp {
		stamped = "%b %d %T"
	}
	sh.printf("CLI complete-on-space set to %s\nCLI idle-timeout %s\nCLI screen-length set to %d\nCLI screen-width set to %d\n"+
		"CLI prompt set to '%s'\nCLI timestamp %s\n", onOff[complete], idle, length, width, prompt, stamped)
	return nil
}

// watchIdle ends the session when nothing is typed for as long as the user has set, until the returned function is called.
func (sh *shell) watchIdle() (awake func()) {
	if sh.cli.idle == 0 || sh.term == nil {
		return func() {}
	}
	timer := time.AfterFunc(time.Duration(sh.cli.idle)*time.Minute, func() {
		_, _ = io.WriteString(sh.term.raw, "\r\nIdle timeout exceeded: closing session\r\n") // it is about to end
		sh.s.kill()
	})
	return func() { timer.Stop() }
}

// endPage ends the output of a command: what comes now is seen even when the user has stopped that.
func (sh *shell) endPage() {
	if sh.term != nil {
		sh.term.pager.end()
	}
}
