// Package blobfake is blob storage in memory for tests of handlers and jobs. It
// behaves like Azure where Azurite does not: it enforces the limits of block
// blobs. A test can make any request fail, or act before it.
//
// It owns the blobs of one account, which end with the value. Each request is
// atomic. A repeated write has the effect of one write. Writers that race get
// what Azure gives them: conditions decide, and the last unconditional write
// wins.
//
// Only tests import it, and coremachinetest. It may import only
// internal/handlers.
package blobfake
