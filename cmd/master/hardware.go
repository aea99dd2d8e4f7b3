// SPDX-License-Identifier: ISC

package main

import (
	"time"

	"postloop/loop"
	"postloop/master/watchdog"
)

// hardware is the watchdog of the machine, which the loop feeds.
type hardware struct {
	device *watchdog.Device // nil: there is none
	path   string
	asked  time.Duration
	timer  *loop.Timer
	failed bool // the log knows that it cannot be fed
}

// openHardware has the machine's watchdog be what the configuration wants. A
// master without one is still a master: what is wrong is a warning.
func (d *daemon) openHardware() {
	h, p := &d.hardware, d.params
	if h.device != nil && h.path != p.WatchdogDevice {
		d.closeHardware()
	}
	switch {
	case p.WatchdogDevice == "":
		return
	case h.device == nil:
		device, warning, err := watchdog.Open(p.WatchdogDevice, p.WatchdogTime)
		if err != nil {
			d.log.Warnf("hardware watchdog: %v -- running without it", err)
			return
		}
		*h = hardware{device: device, path: p.WatchdogDevice, asked: p.WatchdogTime}
		if warning != nil {
			d.log.Warnf("hardware watchdog: %s: %v", h.path, warning)
		}
		d.log.Infof("hardware watchdog: %s resets the machine after %s without this master", h.path, device.Timeout())
		if !device.Stoppable() {
			d.log.Warnf("hardware watchdog: %s does not say that it can be stopped -- it may reset the machine after this master has ended", h.path)
		}
	case h.asked != p.WatchdogTime:
		h.asked = p.WatchdogTime
		if err := h.device.SetTimeout(p.WatchdogTime); err != nil {
			d.log.Warnf("hardware watchdog: %s: %v", h.path, err)
		}
	default:
		return
	}
	h.timer.Stop()
	d.feed()
}

// feed comes from the loop: when that stands still the machine is reset.
func (d *daemon) feed() {
	h := &d.hardware
	err := h.device.Feed()
	if err != nil && !h.failed {
		d.log.Warnf("hardware watchdog: %s: %v", h.path, err)
	}
	h.failed = err != nil
	h.timer = d.loop.After(h.device.Timeout()/3, d.feed)
}

// feedBefore gives another program the whole of the time.
func (d *daemon) feedBefore() {
	if h := &d.hardware; h.device != nil {
		h.timer.Stop()
		d.feed()
	}
}

// closeHardware stops the watchdog: the master ends in order, or is told to do
// without.
func (d *daemon) closeHardware() {
	h := &d.hardware
	if h.device == nil {
		return
	}
	h.timer.Stop()
	if err := h.device.Close(); err != nil {
		d.log.Warnf("hardware watchdog: %s: %v", h.path, err)
	} else {
		d.log.Infof("hardware watchdog: %s stopped", h.path)
	}
	*h = hardware{}
}
