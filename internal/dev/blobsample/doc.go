// Package blobsample writes a container for tests of listings: blobs of eight
// kinds in folders with unusual names. Some blobs have the same content, and
// some have the extension of another kind. It returns what it wrote, counted
// during writing instead of read back, so that a listing can be compared with
// it. It also writes single files to such a container.
//
// The content depends only on the number of blobs. Writing again changes
// nothing except times, and after a crash a part of the blobs exists.
//
// It is for tests, demos and development only. It may import nothing from
// internal/.
package blobsample
