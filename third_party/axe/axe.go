// Package axe carries one unmodified file of axe-core 4.14.1, which looks for
// barriers in a page; tests run it in the browser, and no binary holds it.
// SHA256SUMS holds its checksum and LICENCE its licence. It may import nothing
// of the module.
package axe

import _ "embed"

// Script defines window.axe.
//
//go:embed axe.min.js
var Script string
