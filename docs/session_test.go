// SPDX-License-Identifier: ISC

package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A page is played by a process of its own, which namespaces can be made for:
// the test binary again, told by these.
const (
	pageVariable  = "POSTLOOP_DOCS_PAGE"
	binVariable   = "POSTLOOP_DOCS_BIN"
	placeVariable = "POSTLOOP_DOCS_PLACE" // what prepare has to do
)

// patience is for a machine under load; nothing waits for it to pass.
const patience = 2 * time.Minute

// playInSession plays a page, apart from everything else on this machine.
func playInSession(t *testing.T, page, bin string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if machine {
		if dir, err = filepath.Abs(repository); err != nil {
			t.Fatal(err)
		}
	} else {
		root, err := filepath.Abs(repository)
		if err != nil {
			t.Fatal(err)
		}
		for link, to := range map[string]string{"bin": bin, "examples": root + "/examples", "docs": root + "/docs"} {
			if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
				t.Fatal(err)
			}
		}
	}
	source, err := filepath.Abs(filepath.Join(repository, page))
	if err != nil {
		t.Fatal(err)
	}
	out, err := apart(self, t.TempDir(), func(cmd *exec.Cmd) {
		cmd.Dir = dir
		cmd.Env = append(cmd.Environ(), pageVariable+"="+source, binVariable+"="+bin)
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// player is a page under way.
type player struct {
	page   string
	env    []string
	behind []*staying // what stays
}

// staying is a block that goes on in the background.
type staying struct {
	line  int
	cmd   *exec.Cmd
	out   bytes.Buffer
	ended chan struct{}
	err   error
}

// playPage plays a page in the current directory. It is the whole of a process.
func playPage(page string) (status int) {
	p := &player{page: filepath.Base(page)}
	err := prepare(os.Getenv(placeVariable))
	if err == nil {
		for _, v := range os.Environ() {
			if !strings.HasPrefix(v, "POSTLOOP_DOCS_") && !strings.HasPrefix(v, "MAIL_CONFIG=") {
				p.env = append(p.env, v)
			}
		}
		p.env = append(p.env, "PATH="+os.Getenv(binVariable)+":"+os.Getenv("PATH")+":/usr/sbin:/sbin", "TERM=dumb")
		err = p.play(page)
	}
	if stopped := p.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (p *player) play(page string) error {
	blocks, err := readBlocks(page)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if !b.runs(machine) {
			continue
		}
		if err := p.block(&b); err != nil {
			return fmt.Errorf("%s, line %d: %w", p.page, b.line, err)
		}
	}
	return nil
}

func (p *player) block(b *block) error {
	if b.ends {
		if err := p.end(); err != nil {
			return err
		}
	}
	for _, commands := range b.first {
		if out, err := p.shell("set -e\n" + commands); err != nil {
			return fmt.Errorf("what comes first: %w\n%s", err, out)
		}
	}
	if b.when != "" {
		if err := p.until(b.when, nil); err != nil {
			return err
		}
	}
	switch {
	case b.file != "":
		if err := os.MkdirAll(filepath.Dir(b.file), 0o755); err != nil {
			return err
		}
		return os.WriteFile(b.file, []byte(b.text), 0o644)
	case !b.commands(), b.notRun != "":
		return nil
	case b.stays != "":
		return p.stay(b)
	}
	want := 0
	if b.status != "" {
		var err error
		if want, err = strconv.Atoi(b.status); err != nil {
			return err
		}
	}
	list := transcript(b.text)
	if list == nil {
		out, err := p.shell("set -e\n" + b.text)
		if got := exitStatus(err); got != want {
			return fmt.Errorf("exit status %d, and not %d: %w\n%s", got, want, err, out)
		}
		return nil
	}
	out, err := p.shell(script(list))
	outputs, statuses := answers(out)
	if err != nil || len(outputs) != len(list) {
		return fmt.Errorf("not all commands were run: %w\n%s", err, out)
	}
	for i, e := range list {
		expected := 0
		if i == len(list)-1 {
			expected = want
		}
		if statuses[i] != expected {
			return fmt.Errorf("exit status %d of %s%s", statuses[i], e.command, outputs[i])
		}
		if !shows(e.output, outputs[i]) {
			return fmt.Errorf("%sprints:\n%sand not:\n%s", e.command, outputs[i], e.output)
		}
	}
	return nil
}

// shell runs commands, and returns what they print on both outputs.
func (p *player) shell(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience*5)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", commands)
	cmd.Env = p.env
	// Into a file: a daemon that a command leaves behind may hold a pipe open.
	file, err := os.CreateTemp("", "docs")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	_ = file.Close()
	out, readErr := os.ReadFile(file.Name())
	return string(out), errors.Join(err, readErr)
}

// exitStatus is -1 where there was none.
func exitStatus(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// until waits for a command to succeed, or for s to have ended.
func (p *player) until(condition string, s *staying) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		out, err := p.shell(condition)
		if err == nil {
			return nil
		}
		if s != nil {
			select {
			case <-s.ended:
				return fmt.Errorf("it has ended, %w, and was to stay:\n%s", s.err, s.out.String())
			default:
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("never succeeds: %s: %w\n%s", condition, err, out)
		}
	}
}

// stay starts a block that goes on.
func (p *player) stay(b *block) error {
	s := &staying{line: b.line, ended: make(chan struct{})}
	s.cmd = exec.Command("sh", "-c", "set -e\n"+b.text)
	s.cmd.Env = p.env
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.cmd.WaitDelay = time.Second
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	p.behind = append(p.behind, s)
	return p.until(b.stays, s)
}

// stop ends all of the page.
func (p *player) stop() error {
	return errors.Join(p.end(), leaveNobody())
}

// end ends what stays, as Ctrl-C in the second terminal.
func (p *player) end() (failed error) {
	for i := len(p.behind) - 1; i >= 0; i-- {
		s := p.behind[i]
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-s.ended:
		case <-time.After(patience):
			_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
			<-s.ended
			failed = fmt.Errorf("%s, line %d: does not end:\n%s", p.page, s.line, s.out.String())
		}
	}
	p.behind = nil
	return failed
}
