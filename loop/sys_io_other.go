// SPDX-License-Identifier: ISC

//go:build !linux

package loop

import "golang.org/x/sys/unix"

func (c *Conn) receive(b []byte) (int, error) { return unix.Read(c.watch.fd, b) }

func (c *Conn) transmit(b []byte) (int, error) { return unix.Write(c.watch.fd, b) }
