// SPDX-License-Identifier: ISC

// Package loop runs callbacks one at a time.
package loop
