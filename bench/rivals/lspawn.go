// SPDX-License-Identifier: ISC

//go:build linux

package rivals

import (
	"os"
	"strconv"
	"strings"

	"postloop/services/lspawn/lspawntest"
)

// LspawnLimitName is the yardstick of qmail-lspawn, LspawnAssignedName ours with
// users/cdb.
const (
	LspawnLimitName    = "C, fork"
	LspawnAssignedName = "postloop, users/cdb"
)

// Deliveries is what qmail-lspawn is to be measured with.
type Deliveries struct {
	Limit    string // the C program that only forks and executes; empty: there is none
	Local    string // takes the place of qmail-local
	Getpw    string // takes the place of qmail-getpw
	UID, GID int    // of whom mail is for
}

// Lspawns returns qmail-lspawn with each of the ways to know a user, and the
// program in C. All take commands as IndiMail's qmail-send gives them; message
// 7/1 is there, and DeliveryTo is in users/cdb where that is used.
func (w *World) Lspawns(d Deliveries) []*Rival {
	missing := ""
	if !w.Root {
		missing = "needs root"
	}
	limit := &Rival{
		Name: LspawnLimitName, Is: "testdata/cdeliver.c", Missing: missing,
		launch: func(_ *World, dir string, _ *Service) (*launch, error) {
			return &launch{argv: []string{d.Limit, dir + "/queue", strconv.Itoa(d.UID), strconv.Itoa(d.GID), d.Local}}, d.layout(dir, false)
		},
	}
	list := []*Rival{limit}
	for _, how := range []struct {
		name, is string
		assigned bool
		env      []string
	}{
		{LspawnAssignedName, "users/cdb", true, nil},
		{"postloop, getpw", "testdata/getpw.c in the place of qmail-getpw", false, []string{"QMAILGETPW=" + d.Getpw}},
		{"postloop, built-in getpw", "passwd(5)", false, []string{"QMAIL_LSPAWN_GETPW=builtin", "QMAIL_LSPAWN_ALIAS=nobody"}},
	} {
		r := &Rival{Name: how.name, Is: "bin/qmail-lspawn, " + how.is, Missing: missing, Ours: true}
		if r.Missing == "" && !executable(w.Bin+"/qmail-lspawn") {
			r.Missing = "no " + w.Bin + "/qmail-lspawn; make build makes it"
		}
		r.launch = func(w *World, dir string, _ *Service) (*launch, error) {
			env := append([]string{
				"QMAIL_LSPAWN_PROTOCOL=indimail", "QMAIL_LSPAWN_HOME=" + dir, "QUEUEDIR=" + dir + "/queue", "ASSIGNDIR=" + dir + "/users",
				"QMAIL_LSPAWN_QMAILQ=0", "QMAIL_LSPAWN_QMAILP=" + strconv.Itoa(d.UID), "QMAIL_LSPAWN_NOFILES=" + strconv.Itoa(d.GID),
				"QMAILLOCAL=" + d.Local,
			}, how.env...)
			return &launch{argv: []string{w.Bin + "/qmail-lspawn", "./Mailbox", dir + "/queue"}, env: env}, d.layout(dir, how.assigned)
		}
		list = append(list, r)
	}
	return list
}

// DeliveryTo is whom mail is for.
const DeliveryTo = "joe@example.com"

// layout makes a queue with a message and, if there is to be one, users/cdb.
func (d Deliveries) layout(dir string, assigned bool) error {
	for _, sub := range []string{"/queue", "/queue/mess", "/queue/mess/7", "/users"} {
		if err := os.Mkdir(dir+sub, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(dir+"/queue/mess/7/1", []byte("hello\n"), 0o644); err != nil || !assigned {
		return err
	}
	account := strings.Join([]string{"nobody", strconv.Itoa(d.UID), strconv.Itoa(d.GID), "/", "", ""}, "\x00")
	return os.WriteFile(dir+"/users/cdb", lspawntest.Cdb("", "-", "!joe\x00", account), 0o644)
}
