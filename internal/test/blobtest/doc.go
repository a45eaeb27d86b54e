// Package blobtest provides blob storage for tests: a real Azurite for one
// test, a way to make it return errors, and a listing of any length that no
// storage has to hold.
//
// It owns what it starts and stops it with the test.
//
// Only tests import it. It may import only internal/dev/azurite and
// internal/test/repotest.
package blobtest
