// SPDX-License-Identifier: ISC

// Package manual makes the manual pages of what stands elsewhere already.
//
// A page is written in mdoc(7), in man/src, but for what the pages in docs, or a
// program itself, have to say: parameters with their defaults and meanings,
// options, exit statuses. For that it has lines like these, which Page replaces:
//
//	.\" @table FILE "Heading" [N]   the Nth table below that heading (all of them), as a list
//	.\" @text FILE "Heading"        all that stands below it, its own headings as subsections
//	.\" @part NAME                  a part that the caller has
//
// So each is explained once. That the tables are true is for the tests of those
// whose parameters they are; that the pages in man are up to date, for the test
// of this package and that of cmd/postloop.
//
// # Limits
//
// Of Markdown it knows what docs uses: headings, paragraphs, tables, lists with
// asterisks, indented and fenced blocks, comments; code, links and bold in lines.
package manual
