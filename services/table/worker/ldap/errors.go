// SPDX-License-Identifier: ISC

package ldap

import (
	"errors"
	"fmt"
	"slices"

	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/worker"
)

// failure is why something has not worked: a server's result code, or one below
// zero, and what else is known.
type failure struct {
	code  int
	cause error // nil: nothing
}

// Result codes that no server sends. The numbers are those of OpenLDAP's library.
const (
	serverDown  = -1
	localError  = -2
	timedOut    = -5
	unknownAuth = -6
	badFilter   = -7
	tlsFailed   = -11
)

// Result codes of servers that something is made of.
const (
	referral     = goldap.LDAPResultReferral
	noMechanism  = goldap.LDAPResultAuthMethodNotSupported
	moreToCome   = goldap.LDAPResultSaslBindInProgress
	noSuchObject = goldap.LDAPResultNoSuchObject
	overSize     = goldap.LDAPResultSizeLimitExceeded
)

// wording is what OpenLDAP's library calls the codes that one meets.
var wording = map[int]string{
	serverDown:  "Can't contact LDAP server",
	localError:  "Local error",
	timedOut:    "Timed out",
	unknownAuth: "Unknown authentication method",
	badFilter:   "Bad search filter",
	tlsFailed:   "Connect error",

	goldap.LDAPResultOperationsError:              "Operations error",
	goldap.LDAPResultProtocolError:                "Protocol error",
	goldap.LDAPResultTimeLimitExceeded:            "Time limit exceeded",
	overSize:                                      "Size limit exceeded",
	noMechanism:                                   "Authentication method not supported",
	goldap.LDAPResultStrongAuthRequired:           "Strong(er) authentication required",
	referral:                                      "Referral",
	goldap.LDAPResultAdminLimitExceeded:           "Administrative limit exceeded",
	goldap.LDAPResultUnavailableCriticalExtension: "Critical extension is unavailable",
	goldap.LDAPResultConfidentialityRequired:      "Confidentiality required",
	moreToCome:                                    "SASL bind in progress",
	goldap.LDAPResultInappropriateMatching:        "Inappropriate matching",
	noSuchObject:                                  "No such object",
	goldap.LDAPResultAliasProblem:                 "Alias problem",
	goldap.LDAPResultInvalidDNSyntax:              "Invalid DN syntax",
	goldap.LDAPResultAliasDereferencingProblem:    "Alias dereferencing problem",
	goldap.LDAPResultInappropriateAuthentication:  "Inappropriate authentication",
	goldap.LDAPResultInvalidCredentials:           "Invalid credentials",
	goldap.LDAPResultInsufficientAccessRights:     "Insufficient access",
	goldap.LDAPResultBusy:                         "Server is busy",
	goldap.LDAPResultUnavailable:                  "Server is unavailable",
	goldap.LDAPResultUnwillingToPerform:           "Server is unwilling to perform",
	goldap.LDAPResultLoopDetect:                   "Loop detected",
	goldap.LDAPResultOther:                        "Other (e.g., implementation specific) error",
}

// Error is what the code means, with the cause behind it.
func (f *failure) Error() string {
	text := f.word()
	if f.cause != nil {
		text += ": " + f.cause.Error()
	}
	return text
}

func (f *failure) word() string {
	text := wording[f.code]
	if text == "" && f.code > 0 && !ours(uint16(f.code)) {
		text = goldap.LDAPResultCodeMap[uint16(f.code)]
	}
	if text == "" {
		text = "Unknown error"
	}
	return text
}

func (f *failure) Unwrap() error { return f.cause }

// searchError says that a search has failed; where is which one.
func searchError(where string, err error) error {
	if f, ok := err.(*failure); ok { //nolint:errorlint // others have their words already
		return fmt.Errorf("%s error %d: %w", where, f.code, err)
	}
	return err
}

// refused is err as what is said to this key only, unless it is about a server that
// cannot be reached, does not let us in, or has too much to do.
func refused(err error) error {
	_, connecting := errors.AsType[*toldError](err)
	f, ok := errors.AsType[*failure](err)
	if connecting || ok && (f.code < 0 || slices.Contains(unable, f.code)) {
		return err
	}
	return worker.Refused{Err: err}
}

// unable are the result codes of a server that may answer nobody else, either.
var unable = []int{
	goldap.LDAPResultOperationsError, goldap.LDAPResultTimeLimitExceeded, referral, goldap.LDAPResultAdminLimitExceeded,
	goldap.LDAPResultBusy, goldap.LDAPResultUnavailable, goldap.LDAPResultOther,
}

// answered is the failure that err of the library stands for: what the server
// has said, or else that there is none to say something. late says that the time
// was over.
func answered(err error, late bool) *failure {
	e, ok := errors.AsType[*goldap.Error](err)
	switch {
	case errors.Is(err, goldap.ErrSizeLimitExceeded): // the library's own, against a server that sends more
		return &failure{code: overSize}
	case ok && e.ResultCode == goldap.ErrorFilterCompile:
		return &failure{code: badFilter}
	case ok && !ours(e.ResultCode):
		var words error
		if e.Err != nil && e.Err.Error() != "" {
			words = e.Err
		}
		return &failure{int(e.ResultCode), words}
	case late:
		return &failure{code: timedOut}
	case ok && e.Err != nil: // without the library's own number
		return &failure{serverDown, e.Err}
	}
	return &failure{serverDown, err}
}

// ours reports whether a result code is of this side's making.
func ours(code uint16) bool { return code >= goldap.ErrorNetwork && code < 300 }
