// Package apidoc reads an OpenAPI 3.0 description into what a page about it
// shows: operations by group with their parameters, answers and a command to
// try, and the shapes with their fields, all in the order of the description.
//
// It owns nothing and knows no HTTP and no HTML. It reads the parts of OpenAPI
// that our description uses; a reference that leads nowhere, or a keyword that
// would be passed over in silence, is an error.
//
// Crash, duplicate, reorder: the result depends on the text alone.
//
// It may import nothing of the module.
package apidoc
