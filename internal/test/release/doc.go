// Package release builds the commands of a release for each system on which
// they run. It owns no state and starts nothing but builds, so crashes,
// duplicates and reordering do not matter. It contains only tests, and may import
// no other package of the module.
package release
