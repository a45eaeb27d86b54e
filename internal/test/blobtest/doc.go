// Package blobtest provides blob storage for tests: an account of a real Azurite,
// a way to make it return errors, a listing of any length that no storage
// has to hold, and a suite that every implementation of handlers.Blobs passes.
//
// It owns what it starts and stops it with the last test that uses it.
//
// Only tests import it. It may import only internal/dev/azurite,
// internal/handlers and internal/test/repotest.
package blobtest
