// SPDX-License-Identifier: ISC

package ldap

import (
	"errors"
	"fmt"
	"slices"

	ber "github.com/go-asn1-ber/asn1-ber"
	goldap "github.com/go-ldap/ldap/v3"

	"postloop/services/table/ldapurl"
)

// maxHops is how far a search may be referred on.
const maxHops = 5

// trail is where a search has been, so that it does not go there again.
type trail struct {
	hops int
	been []string
}

// note says that a search is made.
func (on *trail) note(server address, r *goldap.SearchRequest) {
	on.been = append(on.been, place(server, r))
}

func place(server address, r *goldap.SearchRequest) string {
	return fmt.Sprintf("%s %s %d %q %s", server.scheme, server.name, r.Scope, r.BaseDN, r.Filter)
}

// referrals are the URLs that a server has given instead of an answer.
func referrals(err error) (uris []string) {
	e, ok := errors.AsType[*goldap.Error](err)
	if !ok || e.Packet == nil || len(e.Packet.Children) < 2 {
		return nil
	}
	for _, child := range e.Packet.Children[1].Children {
		if child.ClassType == ber.ClassContext && child.Tag == 3 {
			for _, uri := range child.Children {
				uris = append(uris, uri.Data.String())
			}
		}
	}
	return uris
}

// follow makes the search of request where the first of uris leads to that
// leads anywhere. c is where they come from. To another server nobody says who
// we are.
func (l *lookup) follow(c *connection, uris []string, request *goldap.SearchRequest, on *trail) (entries []*goldap.Entry, err error) {
	if on.hops++; on.hops > maxHops {
		return nil, &failure{referral, errors.New("too many of them in a row")}
	}
	defer func() { on.hops-- }()
	for _, uri := range uris {
		var u ldapurl.URL
		if u, err = ldapurl.Parse(uri); err != nil || u.Scheme == "ldapi" {
			err = &failure{referral, fmt.Errorf("to %s, where nobody goes", uri)}
			continue
		}
		next := *request
		if u.DN != "" {
			next.BaseDN = u.DN
		}
		if u.Scope != ldapurl.NoScope {
			next.Scope = int(u.Scope)
		}
		if u.Filter != "" {
			if next.Filter, err = strictFilter(u.Filter); err != nil {
				err = &failure{code: badFilter}
				continue
			}
		}
		server := addressOf(u)
		if slices.Contains(on.been, place(server, &next)) {
			return nil, nil
		}
		if server == c.server {
			return l.run(c, &next, on)
		}
		there := *l.table
		there.startTLS = there.startTLS && u.Scheme != "ldaps" // which is as good
		var other *connection
		if other, err = there.connectTo(l.ctx, u, anonymous); err != nil {
			err = referred(uri, err)
			continue
		}
		entries, err = l.run(other, &next, on)
		other.close()
		return entries, referred(uri, err)
	}
	return nil, err
}

// referred is a failure of another server than the one that was asked. One that
// cannot be reached has not answered for what is there.
func referred(uri string, err error) error {
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return err
	}
	code := f.code
	if code < 0 {
		code = referral
	}
	return &failure{code, fmt.Errorf("to %s: %w", uri, err)}
}
