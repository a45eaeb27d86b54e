// Package config is what a process is told by its environment: one struct,
// every field with its unit, default and special values, and all problems
// reported at once.
//
// It opens nothing and keeps nothing. A secret is never part of an error or of
// a printed Config.
//
// It may import nothing from internal/.
package config
