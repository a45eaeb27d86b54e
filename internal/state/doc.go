// Package state is the leaf that every other package may import: the records
// that the database stores, their statuses, the one transition table, ids, the
// message envelope, error codes and the backoff formula.
//
// It holds no connection, reads no clock and starts no goroutine, so it has
// nothing to lose in a crash. An envelope that was delivered twice or out of
// order decodes to the same value; whether it still means anything is decided
// by the row that it names.
//
// It may import nothing from internal/.
package state
