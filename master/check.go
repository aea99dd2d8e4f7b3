// SPDX-License-Identifier: ISC

package master

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"postloop/cfg"
)

// checkOwner resolves mail_owner and refuses what would give it away.
func (t *transaction) checkOwner() (ids, error) {
	p := t.params
	if p.Rootless {
		return ids{}, nil
	}
	owner, err := t.names.User(p.MailOwner)
	if err != nil {
		return ids{}, t.paramError("mail_owner", err, "unknown user name value: "+p.MailOwner)
	}
	switch {
	case owner.UID == 0:
		err = t.paramError("mail_owner", nil, fmt.Sprintf("user %s has privileged user ID", p.MailOwner))
	case owner.GID == 0:
		err = t.paramError("mail_owner", nil, fmt.Sprintf("user %s has privileged group ID", p.MailOwner))
	}
	if err != nil {
		return ids{}, err
	}
	group, err := t.names.Group(p.SetgidGroup)
	if err != nil {
		return ids{}, t.paramError("setgid_group", err, "unknown group name: "+p.SetgidGroup)
	}
	nobody, err := t.names.User(p.DefaultPrivs)
	if err != nil {
		return ids{}, t.paramError("default_privs", err, "unknown user name value: "+p.DefaultPrivs)
	}
	switch {
	case group.GID == 0:
		err = t.paramError("setgid_group", nil, fmt.Sprintf("group %s has privileged group ID", p.SetgidGroup))
	case nobody.UID == 0:
		err = t.paramError("default_privs", nil, fmt.Sprintf("user %s has privileged user ID", p.DefaultPrivs))
	case nobody.GID == 0:
		err = t.paramError("default_privs", nil, fmt.Sprintf("user %s has privileged group ID", p.DefaultPrivs))
	case nobody.UID == owner.UID:
		err = t.paramError("default_privs", nil, fmt.Sprintf("parameters default_privs and mail_owner: %s and %s have the same user ID %d", p.DefaultPrivs, p.MailOwner, owner.UID))
	case group.GID == owner.GID:
		err = t.paramError("setgid_group", nil, fmt.Sprintf("parameters setgid_group and mail_owner: %s and %s have the same group ID %d", p.SetgidGroup, p.MailOwner, owner.GID))
	case group.GID == nobody.GID:
		err = t.paramError("setgid_group", nil, fmt.Sprintf("parameters setgid_group and default_privs: %s and %s have the same group ID %d", p.SetgidGroup, p.DefaultPrivs, nobody.GID))
	}
	return ids{uid: owner.UID, gid: owner.GID}, err
}

// paramError blames a parameter; an answer that is still on its way is nobody's fault.
func (t *transaction) paramError(name string, err error, text string) error {
	if errors.Is(err, ErrPending) {
		return err
	}
	if err != nil && !errors.Is(err, ErrUnknown) { // nobody could be asked
		text += ": " + err.Error()
	}
	return &cfg.Error{File: t.conf.Main.File(), Line: t.conf.Main.Line(name), Text: "parameter " + name + ": " + text}
}

// checkInet finds an inet service's port, addresses and canonical name.
func (t *transaction) checkInet(w *wanted) error {
	spec := w.spec
	port, err := t.names.Port(spec.Port, "tcp", t.params.KnownTCPPorts)
	if err != nil {
		if errors.Is(err, ErrPending) {
			return err
		}
		return fmt.Errorf("service %q: unknown port name %q; use a number, or add it to known_tcp_ports", spec.Name, spec.Port)
	}
	v4, v6 := t.params.InetProtocols.IPv4, t.params.InetProtocols.IPv6
	list := t.addrs
	number := strconv.Itoa(port)
	switch {
	case spec.Host != "":
		if list, err = t.names.Host(spec.Host, v4, v6); err != nil && errors.Is(err, ErrPending) {
			return err
		}
		if err != nil || len(list) == 0 {
			return fmt.Errorf("bad hostname or network address: %s", spec.Name)
		}
		w.key.name = "[" + spec.Host + "]:" + number
	case strings.EqualFold(strings.TrimSpace(t.params.InetInterfaces), "all"):
		list = wildcards(v4, v6)
		w.key.name = number
	default:
		w.key.name = number
	}
	w.key.typ = cfg.Inet
	if len(list) == 0 {
		return fmt.Errorf("service %q: service definition requires valid host name or address, or non-empty inet_interfaces setting", spec.Name)
	}
	w.addrs = make([]netip.AddrPort, len(list))
	w.localOnly = true
	for i, addr := range list {
		w.addrs[i] = netip.AddrPortFrom(addr.Unmap(), uint16(port))
		w.localOnly = w.localOnly && addr.IsLoopback()
	}
	slices.SortFunc(w.addrs, netip.AddrPort.Compare) // IPv4 first
	w.addrs = slices.Compact(w.addrs)
	return nil
}

// wildcards are the addresses that stand for all of a protocol.
func wildcards(v4, v6 bool) (list []netip.Addr) {
	if v4 {
		list = append(list, netip.IPv4Unspecified())
	}
	if v6 {
		list = append(list, netip.IPv6Unspecified())
	}
	return list
}

// checkHosted has a service that master is to serve itself checked by those
// who know what it means.
func (t *transaction) checkHosted(w *wanted, create HostFunc) error {
	overrides, _, err := w.spec.Overrides()
	if err != nil {
		return err
	}
	main := t.conf.Main
	if len(overrides) > 0 {
		main = main.Clone()
		for _, o := range overrides {
			main.Set(o.Name, o.Value)
		}
	}
	tag, err := main.Value("syslog_name")
	if err != nil {
		return err
	}
	w.host = &Host{
		Loop: t.m.loop, Log: t.m.log.With(tag + "/" + w.spec.Command), Service: w.spec,
		Main: main, Params: t.params, Env: t.env, Names: t.names,
	}
	w.hosted, err = create(w.host)
	return err
}
