// Package httplimit bounds what a client costs an HTTP server: how long it may
// take to send a body or to read an answer, and how many connections there are.
//
// It keeps no state but the set of open connections, which goes with the
// process. It may import nothing of this module.
package httplimit
