// SPDX-License-Identifier: ISC

// Package watchdog keeps a watchdog of the machine from resetting it: the
// devices that Linux's watchdog-api describes.
//
// The device counts from the moment it is opened. Every Feed has it begin
// anew; when none comes in time the machine is reset. A process that ends
// without Close has not fed for the last time: that is what the device is for.
//
// # Limits
//
// A kernel that was built, or told, to never let a watchdog be stopped
// (nowayout) goes on counting after Close, and there is nothing to be done
// about it.
package watchdog

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Device is an open watchdog.
type Device struct {
	fd      int
	timeout time.Duration
}

// Open opens the device at path, which begins to count, and has it count up
// to timeout, in whole seconds. Timeout says what has become of that. A
// warning is about a device that is open, and works as well as it can: it did
// not take the timeout, or it cannot be stopped.
func Open(path string, timeout time.Duration) (d *Device, warning, err error) {
	// Not blocking: the device might be something else.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	d = &Device{fd: fd, timeout: timeout}
	return d, d.SetTimeout(timeout), nil
}

// Timeout is how long the device counts before it resets the machine. Where
// the device does not say, it is what it was asked for.
func (d *Device) Timeout() time.Duration { return d.timeout }

// SetTimeout has the device count up to timeout. The error is a warning: it goes
// on with what it had.
func (d *Device) SetTimeout(timeout time.Duration) error {
	seconds, err := setTimeout(d.fd, int(timeout/time.Second))
	if seconds > 0 {
		d.timeout = time.Duration(seconds) * time.Second
	}
	switch {
	case err != nil:
		return fmt.Errorf("cannot set its timeout: %w", err)
	case d.timeout != timeout:
		return fmt.Errorf("it counts %s instead of %s", d.timeout, timeout)
	}
	return nil
}

// Stoppable reports whether the device says that Close can stop it.
func (d *Device) Stoppable() bool { return isStoppable(d.fd) }

// Feed has the device count from the beginning.
func (d *Device) Feed() error { return d.write(0) }

// Close stops the device, as far as it can be stopped, and closes it.
func (d *Device) Close() error {
	const magic = 'V' // whoever can write this ends in order
	err := d.write(magic)
	return errors.Join(err, os.NewSyscallError("close", unix.Close(d.fd)))
}

func (d *Device) write(b byte) error {
	for {
		_, err := unix.Write(d.fd, []byte{b})
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("write", err)
		}
	}
}
