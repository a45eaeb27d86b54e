// Package arch checks the rules of the code base that the compiler does not
// check: the allowed imports, the package comments, the length of files, and
// text that must not appear anywhere.
//
// It owns the table of imports (table_test.go). The table in AGENTS.md is
// generated from it. The tests parse the source in this process. If they called
// the go command instead, the test cache could report a pass after a rule was
// broken.
//
// It may import nothing from internal/.
package arch
