// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"os"

	"postloop/bench/echo"
)

// EchoArg is what this program is called with to be an echo server: EchoArg,
// the server's name, the network, the address.
const EchoArg = "echo"

// EchoLimitName is the yardstick of the echo servers, OursEchoName our loop.
const (
	EchoLimitName = "C epoll"
	OursEchoName  = "postloop"
)

// Echoes returns the echo servers. limit is the C program that does the least.
func (w *World) Echoes(limit string) ([]*Rival, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	list := []*Rival{{
		Name: EchoLimitName, Is: "testdata/cecho.c",
		launch: func(_ *World, _ string, s *Service) (*launch, error) {
			if s.Path != "" {
				return &launch{argv: []string{limit, "unix", s.Path}}, nil
			}
			return &launch{argv: []string{limit, "tcp", s.host(), s.port()}}, nil
		},
	}}
	for _, e := range echo.Servers {
		list = append(list, &Rival{
			Name: e.Name, Is: e.Is, Ours: e.Name == OursEchoName,
			launch: func(_ *World, _ string, s *Service) (*launch, error) {
				return &launch{argv: []string{self, EchoArg, e.Name, s.network(), s.where()}}, nil
			},
		})
	}
	return list, nil
}
