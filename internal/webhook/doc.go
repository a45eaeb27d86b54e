// Package webhook sends events to the callback URLs of jobs.
//
// It owns what may be called and how: the allow-list of hosts, the check of
// every address at the moment it is dialled, the signature, and the limits of a
// request. It guarantees that no request leaves for a host that is not on the
// list, for an address that is not public, or along a redirect. It knows neither
// jobs nor the database. It may import no other package of this module.
package webhook
