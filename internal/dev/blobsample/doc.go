// Package blobsample writes a container that is worth listing: blobs of eight
// kinds in folders whose names hold all that names may hold, some of them with
// the same content, some with an extension that lies. It says what it wrote,
// counted as it was made and not read back, so that a listing can be held to
// it.
//
// What it writes follows from the number of blobs alone: to write it again
// changes nothing but times, and a crash in between leaves some of it.
//
// For tests, demos and development only. It may import nothing from internal/.
package blobsample
