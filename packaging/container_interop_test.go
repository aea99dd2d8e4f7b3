// SPDX-License-Identifier: ISC

//go:build interop && linux

package packaging

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// container is one that runc runs from the image of the recipe: in namespaces of
// users, processes, mounts and networks, without a capability, its files read-only
// but for a tmpfs on /run/postloop, and /etc/postloop from outside.
type container struct {
	t      *testing.T
	dir    string // of bundle, configuration and log
	config string
	log    string
	pid    int
	ended  chan int // gets the exit status
}

// TestContainer builds the image with buildah and has runc run it.
func TestContainer(t *testing.T) {
	c := newContainer(t)
	c.start()

	t.Run("as said", func(t *testing.T) {
		c := *c
		c.t = t
		if out, code := c.exec(healthCheck(t)...); code != 0 {
			t.Errorf("the image's health check: %d\n%s", code, out)
		}
		for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
			if out, code := c.exec(probeCommand(t, probe)...); code != 0 {
				t.Errorf("%s: %d\n%s", probe, code, out)
			}
		}
		if got, want := c.ask(7007, "hello\npostmaster\n"), "hello\tworld\npostmaster\troot@example.org\n"; got != want {
			t.Errorf("the table says %q, want %q", got, want)
		}
		c.confined()
	})
	t.Run("reload", func(t *testing.T) {
		c := *c
		c.t = t
		c.extend("[[service]]\nlisten = 7008\nrun = [\"/etc/postloop/orphan\"]\n")
		if out, code := c.exec("/bin/postloop", "-c", "/etc/postloop", "reload"); code != 0 {
			t.Fatalf("reload: %d\n%s", code, out)
		}
		// What a command leaves behind becomes process 1's, which is master ...
		if got, want := c.ask(7008, ""), "my parent is 1\n"; got != want {
			t.Errorf("the orphan says %q, want %q", got, want)
		}
		// ... and is reaped by it.
		until(t, "master alone in the container", func() bool { return len(c.processes()) == 1 })

		c.extend("[[service]]\nlisten = 7009\nrun = [\"/bin/missing\"]\n")
		if out, code := c.exec("/bin/postloop", "-c", "/etc/postloop", "reload"); code != 78 || !strings.Contains(out, "/bin/missing") {
			t.Errorf("reload of a bad configuration: %d\n%s", code, out)
		}
		if got := c.ask(7007, "hello\n"); got != "hello\tworld\n" {
			t.Errorf("after that the table says %q", got)
		}
	})
	t.Run("stop", func(t *testing.T) {
		c := *c
		c.t = t
		// A client who does not leave, and whose command runs.
		conn := c.dial(7007)
		defer func() { _ = conn.Close() }()
		until(t, "a command", func() bool { return len(c.processes()) == 2 })
		must(t, unix.Kill(c.pid, unix.SIGTERM))
		select {
		case code := <-c.ended:
			if code != 0 {
				t.Errorf("exit status %d\n%s", code, c.logged())
			}
		case <-time.After(15 * time.Second): // terminationGracePeriodSeconds
			t.Errorf("still there\n%s", c.logged())
		}
	})
}

func newContainer(t *testing.T) *container {
	t.Helper()
	c := &container{t: t, dir: shortDir(t), ended: make(chan int, 1)}
	c.config, c.log = c.dir+"/config", c.dir+"/log"
	if out, code := status(t, []string{"STORAGE=" + c.dir + "/storage", "BUILDER=buildah"}, "packaging/container", c.dir+"/image.tar"); code != 0 {
		t.Fatalf("packaging/container: %d\n%s", code, out)
	}
	must(t, os.Mkdir(c.dir+"/oci", 0o755))
	run(t, "tar", "-C", c.dir+"/oci", "-xf", c.dir+"/image.tar")
	run(t, "umoci", "unpack", "--uid-map", "0:100000:65536", "--gid-map", "0:100000:65536", "--image", c.dir+"/oci:latest", c.dir+"/bundle")
	must(t, os.Chmod(c.dir+"/bundle", 0o755))

	must(t, os.Mkdir(c.config, 0o755))
	for _, name := range []string{"postloop.toml", "table"} {
		text, err := os.ReadFile(c.dir + "/bundle/rootfs/etc/postloop/" + name)
		must(t, err)
		must(t, os.WriteFile(c.config+"/"+name, text, 0o644))
	}
	build := exec.Command("go", "build", "-o", c.config+"/orphan", "./testdata/orphan")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c.settle()
	return c
}

// settle does what an engine does with the options of compose.yaml and of the other
// two: it adds to the image's own settings.
func (c *container) settle() {
	c.t.Helper()
	path := c.dir + "/bundle/config.json"
	text, err := os.ReadFile(path)
	must(c.t, err)
	var conf map[string]any
	must(c.t, json.Unmarshal(text, &conf))
	process, root := conf["process"].(map[string]any), conf["root"].(map[string]any)
	process["terminal"] = false
	process["capabilities"] = map[string]any{}
	root["readonly"] = true
	mounts := []any{
		map[string]any{"destination": "/etc/postloop", "type": "bind", "source": c.config, "options": []string{"bind", "ro", "nosuid", "nodev"}},
		map[string]any{
			"destination": "/run/postloop", "type": "tmpfs", "source": "tmpfs",
			"options": []string{"nosuid", "nodev", "noexec", "mode=1777", "size=1m"},
		},
	}
	for _, m := range conf["mounts"].([]any) {
		if !strings.HasPrefix(m.(map[string]any)["destination"].(string), "/sys") { // the kernels of CI have cgroups of many kinds
			mounts = append(mounts, m)
		}
	}
	conf["mounts"] = mounts
	delete(conf["linux"].(map[string]any), "resources")
	text, err = json.Marshal(conf)
	must(c.t, err)
	must(c.t, os.WriteFile(path, text, 0o644))
}

// runc is the command line that goes before each of its commands.
func (c *container) runc(argv ...string) []string {
	return append([]string{"runc", "--root", c.dir + "/runc"}, argv...)
}

func (c *container) start() {
	c.t.Helper()
	log, err := os.Create(c.log)
	must(c.t, err)
	argv := c.runc("run", "--bundle", c.dir+"/bundle", "--pid-file", c.dir+"/pid", "postloop")
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	must(c.t, cmd.Start())
	must(c.t, log.Close())
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		c.ended <- cmd.ProcessState.ExitCode()
		close(gone)
	}()
	c.t.Cleanup(func() {
		if c.pid > 0 {
			_ = unix.Kill(c.pid, unix.SIGKILL)
		}
		select {
		case <-gone:
		case <-time.After(patience):
			c.t.Error("the container does not end")
		}
	})
	until(c.t, "the container's first line", func() bool {
		select {
		case code := <-c.ended:
			c.t.Fatalf("ended with status %d\n%s", code, c.logged())
		default:
		}
		return strings.Contains(c.logged(), "daemon started")
	})
	text, err := os.ReadFile(c.dir + "/pid")
	must(c.t, err)
	_, err = fmt.Sscan(string(text), &c.pid)
	must(c.t, err)
}

func (c *container) logged() string {
	text, err := os.ReadFile(c.log)
	must(c.t, err)
	return string(text)
}

// exec runs a command in the container, as an engine runs a probe.
func (c *container) exec(argv ...string) (string, int) {
	c.t.Helper()
	return status(c.t, nil, append(c.runc("exec", "--user", "65532:65532", "postloop"), argv...)...)
}

// extend adds to the configuration from outside.
func (c *container) extend(text string) {
	c.t.Helper()
	path := c.config + "/postloop.toml"
	old, err := os.ReadFile(path)
	must(c.t, err)
	must(c.t, os.WriteFile(path, append(old, text...), 0o644))
}

// dial connects to a port in the container's network, where there is loopback only.
func (c *container) dial(port int) net.Conn {
	c.t.Helper()
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		var r result
		var network *os.File
		if network, r.err = os.Open(fmt.Sprintf("/proc/%d/ns/net", c.pid)); r.err == nil {
			r.err = unix.Setns(int(network.Fd()), unix.CLONE_NEWNET)
			_ = network.Close()
		}
		if r.err == nil {
			r.conn, r.err = net.DialTimeout("tcp4", fmt.Sprintf("127.0.0.1:%d", port), patience)
		}
		done <- r
	}()
	r := <-done
	must(c.t, r.err)
	must(c.t, r.conn.SetDeadline(time.Now().Add(patience)))
	return r.conn
}

// ask sends text and returns all that comes back.
func (c *container) ask(port int, text string) string {
	c.t.Helper()
	conn := c.dial(port)
	defer func() { _ = conn.Close() }()
	_, err := io.WriteString(conn, text)
	must(c.t, err)
	must(c.t, conn.(*net.TCPConn).CloseWrite())
	answer, err := io.ReadAll(conn)
	must(c.t, err)
	return string(answer)
}

// processes are those of the container's namespace, zombies as well.
func (c *container) processes() (list []string) {
	c.t.Helper()
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.pid))
	must(c.t, err)
	paths, err := filepath.Glob("/proc/[0-9]*")
	must(c.t, err)
	for _, path := range paths {
		if got, err := os.Readlink(path + "/ns/pid"); err == nil && got == want {
			list = append(list, path)
			continue
		}
		// A zombie has no namespaces to show any more, but a parent.
		text, err := os.ReadFile(path + "/status")
		if err == nil && strings.Contains(string(text), "State:\tZ") && strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", c.pid)) {
			list = append(list, path)
		}
	}
	return list
}

// confined looks at what the kernel says about process 1.
func (c *container) confined() {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	must(c.t, err)
	for _, want := range []string{"Uid:\t165532\t165532\t165532\t165532", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"} {
		if !strings.Contains(string(text), want+"\n") {
			c.t.Errorf("no %q in:\n%s", want, text)
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", c.pid))
	must(c.t, err)
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if (f[1] == "/" || f[1] == "/etc/postloop") && !strings.HasPrefix(f[3], "ro") {
			c.t.Errorf("can be written: %s", line)
		}
	}
	for _, program := range []string{"master", "postloop"} {
		if out := run(c.t, "file", c.dir+"/bundle/rootfs/bin/"+program); !strings.Contains(out, "statically linked") {
			c.t.Error(out)
		}
	}
}
