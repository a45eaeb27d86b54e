// Package apidoc reads an OpenAPI 3.0 description into the data of a page about
// it: operations by group with their parameters, answers and an example
// command, and the shapes with their fields, all in the order of the
// description.
//
// It owns no state and does not depend on HTTP or HTML. It reads the parts of
// OpenAPI that our description uses. A dangling reference is an error, and so
// is a keyword that the page would otherwise omit silently.
//
// Crash, duplicate, reorder: the result depends only on the text.
//
// It may import only packages from outside the module.
package apidoc
