package policies

import (
	"fmt"
	"slices"
	"strings"
)

// policyExpression asks policies as conditions: accept is yes, reject is no. What they change in the route stays changed
// whatever the answer, as the vendor has it.
type policyExpression func(r *policyRun) (Answer, string)

// policyTest is `from policy`: a name, or an expression with `!`, `&&`, `||` and parentheses.
func (e *Evaluator) policyTest(text, expression string) routeTest {
	p := &policyParser{rest: expression}
	x, err := p.or()
	if err == nil && p.peek() != "" {
		err = fmt.Errorf("%q is not expected", p.rest)
	}
	if err != nil {
		return unknownRoute(text, err.Error())
	}
	return routeTest{text: text, test: func(r *policyRun) (Answer, func() string) {
		a, why := x(r)
		return a, said(why)
	}, calls: true}
}

type policyParser struct {
	rest  string
	depth int
}

// peek gives the next token without taking it; empty at the end.
func (p *policyParser) peek() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	switch {
	case strings.HasPrefix(p.rest, "&&"), strings.HasPrefix(p.rest, "||"):
		return p.rest[:2]
	case p.rest != "" && strings.ContainsRune("()!&|", rune(p.rest[0])):
		return p.rest[:1]
	}
	if i := strings.IndexAny(p.rest, " \t()!&|"); i >= 0 {
		return p.rest[:i]
	}
	return p.rest
}

func (p *policyParser) accept(token string) bool {
	if p.peek() != token {
		return false
	}
	p.rest = p.rest[len(token):]
	return true
}

func (p *policyParser) or() (policyExpression, error) {
	x, err := p.and()
	for err == nil && p.accept("||") {
		var y policyExpression
		a := x
		if y, err = p.and(); err == nil {
			x = func(r *policyRun) (Answer, string) {
				if v, why := a(r); v != No {
					return v, why
				}
				return y(r)
			}
		}
	}
	return x, err
}

func (p *policyParser) and() (policyExpression, error) {
	x, err := p.unary()
	for err == nil && p.accept("&&") {
		var y policyExpression
		a := x
		if y, err = p.unary(); err == nil {
			x = func(r *policyRun) (Answer, string) {
				if v, why := a(r); v != Yes {
					return v, why
				}
				return y(r)
			}
		}
	}
	return x, err
}

func (p *policyParser) unary() (policyExpression, error) {
	if p.depth++; p.depth > 64 {
		return nil, fmt.Errorf("more than 64 levels")
	}
	defer func() { p.depth-- }()
	if p.accept("!") {
		x, err := p.unary()
		return func(r *policyRun) (Answer, string) {
			a, why := x(r)
			return a.not(), why
		}, err
	}
	if p.accept("(") {
		x, err := p.or()
		if err == nil && !p.accept(")") {
			err = fmt.Errorf(") is missing")
		}
		return x, err
	}
	name := p.peek()
	if name == "" || strings.ContainsAny(name, "()!&|") {
		return nil, fmt.Errorf("a policy's name is expected at %q", p.rest)
	}
	p.rest = p.rest[len(name):]
	return func(r *policyRun) (Answer, string) { return r.ask(name) }, nil
}

// ask runs policies as a condition: one after the other, as one chain. Behind the last the default of the protocol
// answers. What `next policy` at the end of a subroutine means is said for expressions only, where it is true, so the
// default must agree. (Juniper, Policy Framework Configuration Guide: "How a Routing Policy Subroutine Is Evaluated",
// "Policy Action Conversion Values".)
func (r *policyRun) ask(names ...string) (Answer, string) {
	var list []*evalPolicy
	for _, name := range names {
		p := r.e.policies[name]
		switch {
		case p == nil:
			return Unknown, "policy-statement " + name + " is not defined"
		case slices.Contains(r.inside, p):
			return Unknown, "policy-statement " + name + " calls itself"
		}
		list = append(list, p)
	}
	before := r.result
	byAct, byNext := r.byAct, r.byNext
	r.result = PolicyResult{Steps: before.Steps}
	r.byAct = NoVerdict
	r.depth++
	decided := r.run(list)
	left := r.byNext
	if !decided {
		r.fallBack()
	}
	r.depth--
	got := r.result
	r.result, r.byAct, r.byNext = before, byAct, byNext
	r.result.Steps = got.Steps
	name := names[len(names)-1]
	switch {
	case !decided && left && got.Verdict != Accept:
		return Unknown, name + " ends in next policy, and whether that is true for a subroutine is not known here"
	case got.Unknown != "":
		return Unknown, got.Unknown
	case got.Default != "":
		return answer(got.Verdict == Accept), name + " leaves it to the default: " + got.Default
	}
	return answer(got.Verdict == Accept), got.Policy + " says " + got.Verdict.String()
}
