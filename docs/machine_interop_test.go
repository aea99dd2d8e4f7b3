// SPDX-License-Identifier: ISC

//go:build interop

package docs

// machine says that a page has a machine for itself.
const machine = true
