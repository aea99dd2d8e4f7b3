// SPDX-License-Identifier: ISC

//go:build !interop

package main

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const hardwareServices = `
rootless = true
state = "run"
[log]
to = "stderr"
[watchdog]
device = "@DIR@/dog"
time = "3s"
[[service]]
listen = "unix:public/echo"
run = ["/bin/cat"]
`

// dog is a fifo in the place of a watchdog: it takes what one takes, and cannot
// be asked anything.
func dog(t *testing.T, s *stage) *os.File {
	t.Helper()
	must(t, unix.Mkfifo(s.dir+"/dog", 0o600))
	f, err := os.OpenFile(s.dir+"/dog", os.O_RDWR, 0) // blocking for none
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// TestHardwareWatchdog: it is fed from the loop, through reloads, and stopped by
// an orderly end.
func TestHardwareWatchdog(t *testing.T) {
	s := newStage(t)
	device := dog(t, s)
	must(t, s.write("postloop.toml", hardwareServices))
	fed := func(times int) {
		t.Helper()
		buf := make([]byte, 1)
		for range times {
			must(t, device.SetReadDeadline(s.deadline))
			_, err := device.Read(buf)
			must(t, err)
			if buf[0] != 0 {
				t.Fatalf("%q was written", buf)
			}
		}
	}
	s.play("hardware_test", `
		start -d
		log warning: hardware watchdog: @DIR@/dog: cannot set its timeout: ioctl: inappropriate ioctl for device
		log hardware watchdog: @DIR@/dog resets the machine after 3s without this master
		log warning: hardware watchdog: @DIR@/dog does not say that it can be stopped`)
	fed(2)
	s.play("hardware_test", "signal HUP\nlog reload --")
	fed(2)
	s.play("hardware_test", `
		signal TERM
		log hardware watchdog: @DIR@/dog stopped
		exit TERM`)
	var last byte
	for buf := make([]byte, 1); last != 'V'; last = buf[0] {
		must(t, device.SetReadDeadline(s.deadline))
		_, err := device.Read(buf)
		must(t, err)
	}
}

// TestHardwareWatchdogKilled: whoever is killed has not ended in order.
func TestHardwareWatchdogKilled(t *testing.T) {
	s := newStage(t)
	device := dog(t, s)
	must(t, s.write("postloop.toml", hardwareServices))
	s.play("hardware_test", "start -d\nlog daemon started")
	buf := make([]byte, 64)
	must(t, device.SetReadDeadline(s.deadline))
	_, err := device.Read(buf[:1])
	must(t, err)
	s.play("hardware_test", "signal KILL\nexit KILL")
	rest, err := unix.Open(s.dir+"/dog", unix.O_RDONLY|unix.O_NONBLOCK, 0)
	must(t, err)
	defer unix.Close(rest)
	n, err := unix.Read(rest, buf[1:])
	if errors.Is(err, unix.EAGAIN) {
		n, err = 0, nil
	}
	must(t, err)
	for _, b := range buf[:n+1] {
		if b != 0 {
			t.Errorf("%q was written", buf[:n+1])
		}
	}
}

// TestHardwareWatchdogReload: a reload can do without one, and find a missing
// one.
func TestHardwareWatchdogReload(t *testing.T) {
	s := newStage(t)
	must(t, s.write("postloop.toml", hardwareServices))
	must(t, s.write("without.toml", "rootless = true\nstate = \"run\"\n[log]\nto = \"stderr\"\n"))
	must(t, s.write("with.toml", hardwareServices))
	s.play("hardware_test", "start -d\nlog daemon started\nlog warning: hardware watchdog: open @DIR@/dog: no such file or directory -- running without it")
	dog(t, s)
	s.play("hardware_test", `
		signal HUP
		log resets the machine after 3s
		copy without.toml postloop.toml
		signal HUP
		log hardware watchdog: @DIR@/dog stopped
		signal TERM
		exit TERM`)
}
