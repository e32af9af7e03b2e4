package router

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// value is a candidate for something that is not in a list.
func value(word, help string) candidate {
	return candidate{word: "<" + word + ">", help: help, value: true}
}

// argsOne offers one argument, which something else lists.
func argsOne(offer func(q *query)) func(*query, []token) {
	return func(q *query, args []token) {
		switch len(args) {
		case 0:
			offer(q)
		case 1:
			q.enter = true
		default:
			q.err = &usageError{1, "syntax error."}
		}
	}
}

// offerFiles offers the router's files: those of the home by their name, the others with their path.
func offerFiles(q *query) {
	q.add(value("filename", "Filename"))
	for _, dir := range []string{q.sh.r.files.home, tempDirectory} {
		list, err := q.sh.r.files.list(dir)
		if err != nil {
			continue // a listing is no place to complain
		}
		for _, e := range list {
			name := path.Join(dir, e.name)
			if dir == q.sh.r.files.home {
				name = e.name
			}
			q.add(candidate{word: name, name: true, help: "Size: " + strconv.FormatInt(e.size, 10) + ", Last changed: " + e.when.UTC().Format(stamp)})
		}
	}
}

func argsFile(q *query, args []token) { argsOne(offerFiles)(q, args) }

func argsList(q *query, args []token) {
	argsFile(q, args)
	if len(args) == 0 {
		q.enter = true
		q.add(candidate{word: tempDirectory, name: true, help: "Directory"}, candidate{word: q.sh.r.files.home, name: true, help: "Directory"})
	}
}

func argsLoad(q *query, args []token) {
	switch len(args) {
	case 0:
		offerFiles(q)
		q.add(candidate{word: terminalName, help: "Use login terminal"})
	case 1:
		q.enter = true
		q.add(candidate{word: "relative", help: "Interpret the text from where you are in the hierarchy"})
	case 2:
		q.enter = true
	default:
		q.err = &usageError{2, "syntax error."}
	}
}

// argsCommit offers what is left of the words of a commit.
func argsCommit(q *query, args []token) {
	left := commitWords()
	for i := 0; i < len(args); i++ {
		c, err := pick(left, args[i].text, i+1)
		if err != nil {
			q.err = &usageError{i, usageOf(err, i).message}
			return
		}
		left = slices.DeleteFunc(left, func(o *command) bool { return o.word == c.word })
		last := i == len(args)-1
		switch {
		case c.word == "comment" && last:
			q.add(value("comment", "Message to write to commit log"))
			return
		case c.word == "comment":
			i++
		case c.word == "confirmed" && last:
			q.add(value("timeout", "Number of minutes until automatic rollback (1..65535)"))
		case c.word == "confirmed":
			if _, err := strconv.Atoi(args[i+1].text); err == nil {
				i++
			}
		}
	}
	q.commands(left)
	q.enter = true
}

// offerHistory offers the numbers of the commit history.
func offerHistory(q *query) {
	for _, e := range q.sh.r.db.history() {
		help := e.Time.UTC().Format(stamp) + " by " + e.User + " via " + e.Client
		if e.Comment != "" {
			help += " " + e.Comment
		}
		q.add(candidate{word: strconv.Itoa(e.Number), help: help, name: true})
	}
}

func argsRollback(q *query, args []token) {
	argsOne(offerHistory)(q, args)
	if len(args) == 0 {
		q.enter = true
		if _, err := q.sh.r.db.rescue(); err == nil {
			q.add(candidate{word: "rescue", help: "Rescue configuration"})
		}
	}
}

func argsOldConfiguration(q *query, args []token) { argsOne(offerHistory)(q, args) }

// argsDelete is argsThere; without words all that is here goes.
func argsDelete(q *query, args []token) {
	argsThere(q, args)
	q.enter = q.enter || len(args) == 0
}

func argsCompare(q *query, args []token) {
	switch {
	case len(args) == 0:
		offerFiles(q)
		q.add(candidate{word: "rollback", help: "Compare with a configuration of the history"})
		q.enter = true
	case len(args) == 1 && args[0].text != "" && strings.HasPrefix("rollback", args[0].text):
		offerHistory(q)
	default:
		q.enter = true
	}
}

func argsHistory(n int) func(*query, []token) {
	return func(q *query, args []token) {
		switch {
		case len(args) < n:
			offerHistory(q)
		case len(args) == n:
			q.enter = true
		default:
			q.err = &usageError{n, "syntax error."}
		}
	}
}

// argsSession offers the sessions, by their number.
func argsSession(q *query, args []token) {
	argsOne(func(q *query) {
		q.add(value("pid", "PID of the session to end"))
		for _, u := range q.sh.r.db.view().users {
			q.add(candidate{word: strconv.Itoa(u.id), name: true, help: u.user + " via " + u.client})
		}
	})(q, args)
}

func argsNumber(word, help string) func(*query, []token) {
	return argsOne(func(q *query) { q.add(value(word, help)) })
}

func argsUp(q *query, args []token) {
	argsNumber("number", "Number of levels to move up")(q, args)
	q.enter = len(args) < 2
}

func argsExit(q *query, args []token) {
	argsOne(func(q *query) {
		q.add(candidate{word: "configuration-mode", help: "Exit from configuration mode"})
	})(q, args)
	q.enter = len(args) < 2
}

// argsRun goes on with operational mode, argsTop with the top of the configuration.
func argsRun(q *query, args []token) { q.line(q.sh.r.operational, args) }

func argsTop(q *query, args []token) {
	q.path = nil
	q.line(q.sh.r.configuration, args)
	q.enter = q.enter || len(args) == 0
}

// argsActive offers the statements of the committed configuration, argsCandidate and argsThere those of the candidate:
// all that there may be, or what there is.
func argsActive(q *query, args []token) {
	s := statementsOf(q.sh.r.db.running(), nil, false)
	q.statement(s, args, 0)
	q.enter = q.err == nil
}

func argsCandidate(q *query, args []token) {
	q.statement(q.sh.statements(q.path, false), args, 0)
}

func argsShow(q *query, args []token) {
	argsCandidate(q, args)
	q.enter = q.err == nil
}

func argsEdit(q *query, args []token) {
	argsCandidate(q, args)
	q.list = slices.DeleteFunc(q.list, func(c candidate) bool { return !c.value && !c.name && c.mark != '>' })
}

func argsThere(q *query, args []token) {
	q.statement(q.sh.statements(q.path, true), args, 0)
}

// statements is a place in the session's candidate.
func (sh *shell) statements(path []string, existing bool) *statement {
	return statementsOf(sh.r.db.candidateOf(sh.s), path, existing)
}

// statement follows words among the statements.
func (q *query) statement(s *statement, args []token, n int) {
	for i, w := range args {
		if err := s.step(w.text, w.bare); err != nil {
			q.err = &usageError{n + i, err.message}
			return
		}
	}
	list, enter := s.options()
	q.add(list...)
	q.enter = enter && len(args) > 0
}

// argsAnnotate offers one level, and then the comment.
func argsAnnotate(q *query, args []token) {
	s := q.sh.statements(q.path, true)
	for i, w := range args {
		if _, whole := s.options(); whole && i > 0 && (!w.bare || s.done) {
			q.enter = i == len(args)-1
			if !q.enter {
				q.err = &usageError{i + 1, "syntax error."}
			}
			return
		}
		if err := s.step(w.text, w.bare); err != nil {
			q.err = &usageError{i, err.message}
			return
		}
	}
	list, whole := s.options()
	q.add(list...)
	if whole && len(args) > 0 {
		q.add(value("comment", "Text of the comment, in quotes"))
	}
}

// argsMove is for rename, copy and insert: a statement, one of the joints, and what it becomes or is put next to.
func argsMove(joints ...candidate) func(*query, []token) {
	return func(q *query, args []token) {
		at := slices.IndexFunc(args, func(t token) bool {
			return t.bare && slices.ContainsFunc(joints, func(j candidate) bool { return j.word == t.text })
		})
		s := q.sh.statements(q.path, true)
		if at < 0 {
			q.statement(s, args, 0)
			if q.err == nil && q.enter {
				q.add(joints...)
			}
			q.enter = false
			return
		}
		q.statement(s, args[:at], 0)
		if q.err != nil || len(s.starts) == 0 {
			return
		}
		q.list, q.enter = nil, false
		to := statementsOf(s.tree, s.words[:s.starts[len(s.starts)-1]], args[at].text != "to")
		own := len(to.words)
		q.statement(to, args[at+1:], at+1)
		if len(to.words) == own {
			q.list = slices.DeleteFunc(q.list, func(c candidate) bool {
				return s.schema != nil && !c.value && !c.name && c.word != s.schema.Name
			})
		}
	}
}

// expand writes the words of a statement in full, in a line of a command as it was typed: keywords may be abbreviated.
// It tells whether all of them are known.
func (s *statement) expand(line string, args []token) (full string, known bool, err *usageError) {
	var b strings.Builder
	at := 0
	for i, w := range args {
		n := len(s.words)
		if err := s.step(w.text, w.bare); err != nil {
			return "", false, &usageError{i, err.message}
		}
		word := line[w.at:w.end]
		if w.bare && len(s.words) == n+1 && s.words[n] != w.text {
			word = s.words[n]
		}
		b.WriteString(line[at:w.at] + word)
		at = w.end
	}
	return b.String() + line[at:], s.schema != nil || s.done, nil
}
