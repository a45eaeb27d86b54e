// Package browser uses the dashboard as people do: a real Chromium, a real
// Postgres, the stand-in of the Functions host, and the handler process that it
// spawns. It holds tests only, and the pictures that the documents show are
// taken by one of them.
//
// Every page that a test has opened must have written nothing to the browser's
// console, where a breach of the Content-Security-Policy is written too. A test
// waits for what a page shows, never for a quiet network: streams stay open.
//
// It owns nothing. Crash, duplicate and reorder are what the pages make of
// them; the engine's own are tested elsewhere. It may import everything, and
// nothing imports it.
package browser
