// Package browser uses the dashboard as a person does, with a real Chromium, a
// real Postgres, the stand-in of the Functions host, and the handler process
// that it spawns. It contains only tests. One of them takes the pictures for
// the documents.
//
// A page that a test opens must not write to the browser's console, which also
// receives violations of the Content-Security-Policy. A test waits for content
// on a page and never for an idle network, because streams stay open.
//
// It owns nothing. The tests of the engine cover crashes, duplicates and
// reordering. It may import everything, and nothing imports it.
package browser
