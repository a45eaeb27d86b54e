// Package clock owns waiting that ends with a context, and the waits between
// tries. Every package may import it. It imports only the standard library.
package clock
