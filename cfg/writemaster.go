// SPDX-License-Identifier: ISC

package cfg

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// masterHead is the reminder above the columns.
const masterHead = `# ==========================================================================
# service type  private unpriv  chroot  wakeup  maxproc command + args
#               (yes)   (yes)           (never)
# ==========================================================================
`

// WriteMaster writes services as a master.cf that ParseMaster reads to the
// same values, whatever main.cf says about defaults. What no master.cf can
// say is an error for each such service, and nothing is written then.
func WriteMaster(w io.Writer, services []Service) error {
	var b strings.Builder
	var errs Errors
	b.WriteString(masterHead)
	for i := range services {
		text, err := services[i].MasterEntry()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		b.WriteString(text)
	}
	if len(errs) > 0 {
		return errs
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// MasterEntry returns the service as an entry of master.cf, in the columns of
// the stock file. What no master.cf can say is an error.
func (s *Service) MasterEntry() (string, *Error) {
	text, err := s.masterText()
	if err != nil {
		return "", &Error{s.File, s.Line, fmt.Sprintf("service %q: %v; master.cf has no way to write it", s.Name, err)}
	}
	return text, nil
}

func (s *Service) masterText() (string, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	const width = 80
	name := fmt.Sprintf("%-9s %-5s", s.Name, s.Type)
	if len(s.Name) >= 10 { // let the type give way, so that the others stay in their columns
		name = fmt.Sprintf("%-15s", s.Name+" "+s.Type.String())
	}
	line := fmt.Sprintf("%s %-7s %-7s %-7s %-7s %-7d %s", name,
		defaultYes(s.Private), defaultYes(s.Unprivileged), yesNo(s.Chroot), s.wakeupText(), s.Limit, s.Command)
	args, err := braceArgs(s.Args)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	alone := false // the line holds an override, and nothing goes beside it
	for len(args) > 0 {
		text := args[0]
		override := text == "-o" && len(args) > 1
		if override {
			text, args = text+" "+args[1], args[1:]
		}
		// A line that begins with "#" would be a comment.
		if text[0] != '#' && (override || alone || len(line)+1+len(text) > width) {
			b.WriteString(line + "\n")
			line = "   "
		}
		line, args, alone = line+" "+text, args[1:], override
	}
	b.WriteString(line + "\n")
	return b.String(), nil
}

func (s *Service) wakeupText() string {
	switch seconds := strconv.FormatInt(int64(s.Wakeup/time.Second), 10); {
	case s.Wakeup == 0:
		return "-"
	case s.WakeupIfUsed:
		return seconds + "?"
	default:
		return seconds
	}
}

// defaultYes writes a field whose default is yes.
func defaultYes(yes bool) string {
	if yes {
		return "-"
	}
	return "n"
}

// yesNo writes a field whose default depends on main.cf.
func yesNo(yes bool) string {
	if yes {
		return "y"
	}
	return "n"
}
