package dial

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// auth is one log-in: what is offered, and what was wrong with it.
type auth struct {
	config Config
	host   *host
	agent  net.Conn
	notes  []string // for the hint of the error
	err    error    // of the password callback: the person's, not the device's
	asked  bool
}

func (d *Dialer) newAuth(h *host) *auth { return &auth{config: d.config, host: h} }

// methods offers keys first, then the password in both of its forms: Junos asks by keyboard-interactive or by password,
// as its login classes are set.
func (a *auth) methods() []ssh.AuthMethod {
	// One method only: the library tries each method's name once, so agent and files must come together.
	out := []ssh.AuthMethod{ssh.PublicKeysCallback(a.signers)}
	if a.config.Password == nil {
		return out
	}
	return append(out,
		ssh.PasswordCallback(a.password),
		ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range questions {
				if echos[i] {
					a.err = fmt.Errorf("the device asks %q, which only a person can answer", strings.TrimSpace(questions[i]))
					return nil, a.err
				}
				var err error
				if answers[i], err = a.password(); err != nil {
					return nil, err
				}
			}
			return answers, nil
		}))
}

func (a *auth) password() (string, error) {
	a.asked = true
	p, err := a.config.Password(a.host.user, a.host.name)
	if err != nil {
		a.err = fmt.Errorf("get password: %w", err)
		return "", a.err
	}
	return p, nil
}

// refused is the error of a log-in that the device refused, in plain words.
func (a *auth) refused() error {
	if a.asked {
		return errors.New("the device refused the keys and the password")
	}
	return errors.New("the device refused the keys, and no password was given")
}

func (a *auth) close() {
	if a.agent != nil {
		a.agent.Close() //nolint:errcheck // nothing is left to be written to it
	}
}

// signers gives the keys of the agent, then those of files that the agent does not have. With IdentitiesOnly the agent's
// keys count only if a file names them.
func (a *auth) signers() ([]ssh.Signer, error) {
	fromAgent := a.agentSigners()
	has := func(key ssh.PublicKey) ssh.Signer {
		for _, s := range fromAgent {
			if bytes.Equal(s.PublicKey().Marshal(), key.Marshal()) {
				return s
			}
		}
		return nil
	}
	var out []ssh.Signer
	if !a.host.identitiesOnly {
		out = append(out, fromAgent...)
	}
	for _, name := range a.host.identities {
		signer, public, err := readKey(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !a.host.configured:
			continue // the default names
		case err != nil:
			a.notes = append(a.notes, err.Error())
			continue
		}
		held := ssh.Signer(nil)
		if public != nil {
			held = has(public)
		}
		switch {
		case held != nil && a.host.identitiesOnly:
			out = append(out, held)
		case held != nil: // offered already
		case signer != nil:
			// A certificate of the key goes first, as ssh has it: the key alone may mean nothing to the device.
			cert, err := certified(name, signer)
			if err != nil {
				a.notes = append(a.notes, err.Error())
			} else if cert != nil {
				out = append(out, cert)
			}
			out = append(out, signer)
		default:
			a.notes = append(a.notes, fmt.Sprintf("key %s is encrypted: add it to ssh-agent with `ssh-add %s`", name, name))
		}
	}
	return out, nil
}

func (a *auth) agentSigners() []ssh.Signer {
	if a.host.agent == "" {
		return nil
	}
	var err error
	if a.agent, err = net.Dial("unix", a.host.agent); err != nil {
		a.agent = nil
		a.notes = append(a.notes, fmt.Sprintf("ssh-agent does not answer: %v", err))
		return nil
	}
	signers, err := agent.NewClient(a.agent).Signers()
	if err != nil {
		a.notes = append(a.notes, fmt.Sprintf("ssh-agent gives no keys: %v", err))
	}
	return signers
}

// certified gives a key with the certificate beside its file, NAME-cert.pub; nil if there is none.
func certified(name string, signer ssh.Signer) (ssh.Signer, error) {
	name += "-cert.pub"
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", name, err)
	}
	cert, ok := public.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("read certificate %s: it is a %s", name, public.Type())
	}
	out, err := ssh.NewCertSigner(cert, signer)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", name, err)
	}
	return out, nil
}

// readKey reads a private key file. An encrypted one has no signer; its public half comes from the file itself or from
// FILE.pub, and is nil where neither has it.
func readKey(name string) (ssh.Signer, ssh.PublicKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, fmt.Errorf("read key: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	if err == nil {
		return signer, signer.PublicKey(), nil
	}
	locked, ok := errors.AsType[*ssh.PassphraseMissingError](err)
	if !ok {
		// With an agent, IdentityFile may name the public half.
		if public, _, _, _, perr := ssh.ParseAuthorizedKey(text); perr == nil {
			return nil, public, nil
		}
		return nil, nil, fmt.Errorf("read key %s: %w", name, err)
	}
	if locked.PublicKey != nil {
		return nil, locked.PublicKey, nil
	}
	if text, err := os.ReadFile(name + ".pub"); err == nil {
		if public, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil {
			return nil, public, nil
		}
	}
	return nil, nil, nil
}
