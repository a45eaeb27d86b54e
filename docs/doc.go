// Package docs has the pages of documentation that the product itself serves.
//
// It owns the files of this folder. They are part of the build and never change,
// so a crash, a duplicate or a reordering cannot concern them.
//
// It may import only the standard library.
package docs

import _ "embed"

// Operations is the runbook, in Markdown.
//
//go:embed operations.md
var Operations string
