// Package hillsample makes a georeferenced raster for demos, benchmarks and
// tests: smooth hills in several bands, in UTM zone 33N. It encodes rows of
// tiles in parallel and holds a few of them.
//
// The content depends only on the options. Writing again changes nothing, and
// after a crash there is no blob, because the blocks are committed last.
//
// It is for tests, demos and development only. It may import nothing from
// internal/.
package hillsample
