// Package config reads the settings of a process from its environment into one
// struct. Every field has its unit, default and special values. Load reports
// all problems together.
//
// It opens nothing and stores nothing. Errors and printed Configs never contain
// a secret.
//
// It may import view and webhook.
package config
