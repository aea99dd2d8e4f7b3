// SPDX-License-Identifier: ISC

package master

import (
	"fmt"
)

// checkOwner resolves mail_owner and refuses what would give it away.
func (t *transaction) checkOwner() (Ids, error) {
	p := t.params
	if p.Rootless {
		return Ids{}, nil
	}
	owner, err := t.names.User(p.MailOwner)
	if err != nil {
		return Ids{}, t.paramError("mail_owner", err, "unknown user name value: "+p.MailOwner)
	}
	switch {
	case owner.UID == 0:
		err = t.paramError("mail_owner", nil, fmt.Sprintf("user %s has privileged user ID", p.MailOwner))
	case owner.GID == 0:
		err = t.paramError("mail_owner", nil, fmt.Sprintf("user %s has privileged group ID", p.MailOwner))
	}
	if err != nil {
		return Ids{}, err
	}
	group, err := t.names.Group(p.SetgidGroup)
	if err != nil {
		return Ids{}, t.paramError("setgid_group", err, "unknown group name: "+p.SetgidGroup)
	}
	nobody, err := t.names.User(p.DefaultPrivs)
	if err != nil {
		return Ids{}, t.paramError("default_privs", err, "unknown user name value: "+p.DefaultPrivs)
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
	return Ids{UID: owner.UID, GID: owner.GID}, err
}
