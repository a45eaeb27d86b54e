// Package htmx carries two unmodified files of htmx 4.0.1: the core and its
// extension for server-sent events. SHA256SUMS holds their checksums and
// LICENCE their licence. It may import nothing of the module.
package htmx

import (
	_ "embed"
	"slices"
)

//go:embed htmx.min.js
var core []byte

//go:embed hx-sse.min.js
var sse []byte

// Script is both as one file: two would race, and the core starts only what is
// registered when it starts.
func Script() []byte { return slices.Concat(core, []byte("\n"), sse, []byte("\n")) }
