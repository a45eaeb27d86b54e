// Package arch holds the rules of the code base that no compiler checks, as
// tests: who may import whom, what every package says of itself, how long a
// file may be, and what appears nowhere.
//
// It owns the table of imports (table_test.go), from which the one in AGENTS.md
// is written. It reads the source in this very process: a test that asked the
// go command would stay green from the test cache after somebody broke a rule.
//
// It may import nothing from internal/.
package arch
