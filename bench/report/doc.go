// SPDX-License-Identifier: ISC

// Package report turns measurements into what is printed and published:
// medians with their quartiles, tables, and the text of RESULTS.md. Nothing
// here measures anything or knows what the numbers are of.
package report
