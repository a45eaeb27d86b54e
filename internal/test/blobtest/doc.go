// Package blobtest gives tests a blob storage: a real Azurite of the test's
// own, a way to make it refuse, and a listing of any length that no storage has
// to hold.
//
// It owns what it starts and stops it with the test.
//
// Only tests import it; it may import only internal/dev/azurite and
// internal/test/repotest.
package blobtest
