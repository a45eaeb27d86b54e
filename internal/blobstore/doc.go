// Package blobstore owns the connection to one account of Azure Blob Storage,
// and to Azurite, which speaks the same: it lists containers and reads the
// beginnings of blobs for handlers.
//
// It keeps no state but idle connections. Crash and duplicate: it only reads.
// Reorder: a listing is in the order of names, and what is written or deleted
// while it goes on may be in it or not. A page of a listing that storage
// refuses for load is asked for again a few times; any other read is tried
// once, since the engine knows better when to try again. Its errors name status
// and reason: never an address, whose query may hold a signature, and never a
// key.
//
// It may import only internal/handlers and internal/state.
package blobstore
