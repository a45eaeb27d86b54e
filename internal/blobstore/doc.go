// Package blobstore owns the connection to one account of Azure Blob Storage,
// or to the Azurite emulator. It lists containers, and reads and writes blobs
// for handlers.
//
// It keeps no state except idle connections. Crash and duplicate: a write has
// the effect of one write however often it is repeated, unless its condition no
// longer holds. Reorder: a listing is sorted by name; blobs that are written or
// deleted during the listing may or may not be included. The last of two writes
// without a condition wins. If storage throttles a page of a listing, the
// request is retried a few times. Ranged reads and writes are tried three times.
// Head is tried once, because the engine has its own retries. Errors contain a
// status and a reason. They never contain a key or an address, because the query
// of an address can contain a signature.
//
// It may import only internal/handlers and internal/state.
package blobstore
