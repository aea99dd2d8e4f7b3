// SPDX-License-Identifier: ISC

package master

import "postloop/master/ids"

// Ids are the user and the group of mail_owner.
type Ids = ids.Pair
