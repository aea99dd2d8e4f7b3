// SPDX-License-Identifier: ISC

package main

import "github.com/spf13/cobra"

// looking are the commands that need no master.
func (a *app) looking() []*cobra.Command {
	return []*cobra.Command{a.checkCommand(), a.confCommand(), a.convertCommand(), a.queryCommand()}
}
